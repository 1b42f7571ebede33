// A stranger: checks a served log with Go's own packages for checksum databases.
//
//	stranger URL VKEY TOKEN
//
// It verifies the checkpoint's signature (sumdb/note), reads every leaf hash through tiles that it
// verifies against the signed root (sumdb/tlog), and compares each with the entry handed out.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type log struct{ url, token string }

func (l log) get(path string) ([]byte, error) {
	request, err := http.NewRequest("GET", l.url+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != 200 {
		err = fmt.Errorf("%s: %s", path, response.Status)
	}
	return body, err
}

func (l log) Height() int { return 8 }

// Go's places of tiles name the height first; C2SP's, which is always 8, do not.
func (l log) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		data, err := l.get("tile/" + strings.TrimPrefix(tile.Path(), "tile/8/"))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (l log) SaveTiles([]tlog.Tile, [][]byte) {}

func (l log) entries(size int64, bundle int64) ([][]byte, error) {
	tile := tlog.Tile{H: 8, L: 0, N: bundle, W: int(min(256, size-bundle*256))}
	data, err := l.get("tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/0/"))
	var found [][]byte
	for len(data) > 0 {
		length := int(binary.BigEndian.Uint16(data))
		found, data = append(found, data[2:2+length]), data[2+length:]
	}
	return found, err
}

func check(l log, vkey string) (int64, error) {
	signed, err := l.get("checkpoint")
	if err != nil {
		return 0, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return 0, err
	}
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		return 0, err
	}
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: tlog.Hash(root)}, l)
	for bundle := int64(0); bundle*256 < size; bundle++ {
		entries, err := l.entries(size, bundle)
		if err != nil {
			return 0, err
		}
		for i, entry := range entries {
			index := bundle*256 + int64(i)
			hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			if err != nil {
				return 0, err
			}
			if hashes[0] != tlog.RecordHash(entry) {
				return 0, fmt.Errorf("entry %d is not the one that was logged", index)
			}
		}
	}
	return size, nil
}

func main() {
	size, err := check(log{os.Args[1], os.Args[3]}, os.Args[2])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("%d entries verified\n", size)
}
