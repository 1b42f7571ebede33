// A stranger: UVDRAW-1 written from its description alone, with what comes with Go.
//
// It reads {"draws": [...]} from standard input and answers each draw with its hashes, its quotas
// and every line of its selection, all of which have to be those of the service, byte for byte.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"sort"
	"strconv"
	"strings"
)

type entry map[string]any

func (e entry) text(key string) string {
	text, _ := e[key].(string)
	return text
}

// No weight is one ticket, of another preimage than the one ticket of weight 1.
func (e entry) weight() (tickets int, weighted bool) {
	number, found := e["weight"].(json.Number)
	if !found {
		return 1, false
	}
	tickets, err := strconv.Atoi(string(number))
	check(err)
	return tickets, true
}

type question struct {
	Entries  []entry
	Draw     string
	Seed     string
	Strata   [][2]string
	By       string
	Reserves int
	Officers []string
}

type answer struct {
	RosterHash    string     `json:"roster_hash"`
	RosterRoot    string     `json:"roster_root"`
	Quotas        [][3]any   `json:"quotas"`
	SelectionHash string     `json:"selection_hash"`
	SelectionRoot string     `json:"selection_root"`
	Selection     []string   `json:"selection"`
	Orders        [][]string `json:"orders"`
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Go's JSON is canonical for maps but for the characters that it escapes on behalf of HTML and
// JavaScript.
func canonical(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	check(encoder.Encode(value))
	line := strings.TrimSuffix(out.String(), "\n")
	return strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(line)
}

func hash(text string) [32]byte { return sha256.Sum256([]byte(text)) }

func hexHash(text string) string {
	sum := hash(text)
	return hex.EncodeToString(sum[:])
}

func listHash(lines []string) string { return hexHash("[" + strings.Join(lines, ",") + "]") }

// RFC 6962, section 2.1, as it stands there.
func tree(lines []string) [32]byte {
	switch len(lines) {
	case 0:
		return hash("")
	case 1:
		return hash("\x00" + lines[0])
	}
	k := 1
	for 2*k < len(lines) {
		k *= 2
	}
	left, right := tree(lines[:k]), tree(lines[k:])
	return hash("\x01" + string(left[:]) + string(right[:]))
}

func root(lines []string) string {
	sum := tree(lines)
	return hex.EncodeToString(sum[:])
}

// The smallest whole number that is not below size × ratio.
func quota(size int, ratio string) int {
	share, ok := new(big.Rat).SetString(ratio)
	if !ok {
		check(fmt.Errorf("%s is no ratio", ratio))
	}
	share.Mul(share, big.NewRat(int64(size), 1))
	whole, rest := new(big.Int).QuoRem(share.Num(), share.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	return int(whole.Int64())
}

// A chance with at most four places, half to even; 0 and 1 are said of certainties alone.
func shown(chance *big.Rat) string {
	if chance.Sign() == 0 {
		return "0"
	}
	if chance.Cmp(big.NewRat(1, 1)) == 0 {
		return "1"
	}
	scaled := new(big.Rat).Mul(chance, big.NewRat(10000, 1))
	places, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
	rest.Lsh(rest, 1)
	if c := rest.Cmp(scaled.Denom()); c > 0 || (c == 0 && places.Bit(0) == 1) {
		places.Add(places, big.NewInt(1))
	}
	n := min(max(places.Int64(), 1), 9999)
	return "0." + strings.TrimRight(fmt.Sprintf("%04d", n), "0")
}

// Each number of tickets has its chance: 1 − (1 − t)^w, where t lets the quota be expected.
func chances(held []int, due int) map[int]string {
	counts := map[int]int64{}
	for _, tickets := range held {
		counts[tickets]++
	}
	found := map[int]string{}
	if len(counts) == 1 || due == 0 || due == len(held) {
		for tickets := range counts {
			found[tickets] = shown(big.NewRat(int64(due), int64(len(held))))
		}
		return found
	}
	const precision = 400
	number := func(n int64) *big.Float { return new(big.Float).SetPrec(precision).SetInt64(n) }
	chance := func(keep *big.Float, tickets int) *big.Float {
		all := number(1)
		for k := 0; k < tickets; k++ {
			all.Mul(all, keep)
		}
		return new(big.Float).Sub(number(1), all)
	}
	low, high := number(0), number(1)
	for step := 0; step < 120; step++ {
		keep := new(big.Float).Quo(new(big.Float).Add(low, high), number(2))
		expected := number(0)
		for tickets, count := range counts {
			expected.Add(expected, new(big.Float).Mul(chance(keep, tickets), number(count)))
		}
		if expected.Cmp(number(int64(due))) > 0 {
			low = keep
		} else {
			high = keep
		}
	}
	for tickets := range counts {
		exact, _ := chance(high, tickets).Rat(nil)
		if exact.Sign() <= 0 { // rounded to a certainty, which it is not
			exact = big.NewRat(1, 1_000_000)
		}
		if exact.Cmp(big.NewRat(1, 1)) >= 0 {
			exact = big.NewRat(999_999, 1_000_000)
		}
		found[tickets] = shown(exact)
	}
	return found
}

func ticket(seed, draw, stratum string, e entry) string {
	base := seed + "|" + draw + "|" + stratum + "|" + e.text("uscc")
	tickets, weighted := e.weight()
	if !weighted {
		return hexHash(base)
	}
	smallest := hexHash(base + "|1")
	for k := 2; k <= tickets; k++ {
		smallest = min(smallest, hexHash(base+"|"+strconv.Itoa(k)))
	}
	return smallest
}

func officerOrder(seed, draw, uscc string, officers []string) []string {
	order := append([]string{}, officers...)
	key := func(name string) string { return hexHash(seed + "|" + draw + "|OFFICER|" + uscc + "|" + name) }
	sort.Slice(order, func(a, b int) bool { return key(order[a]) < key(order[b]) })
	return order
}

func drawn(q question) answer {
	sorted := append([]entry{}, q.Entries...)
	sort.Slice(sorted, func(a, b int) bool { return sorted[a].text("uscc") < sorted[b].text("uscc") })
	var lines []string
	for _, one := range sorted {
		lines = append(lines, canonical(one))
	}
	found := answer{RosterHash: listHash(lines), RosterRoot: root(lines), Selection: []string{}, Quotas: [][3]any{}, Orders: [][]string{}}
	for _, stratum := range q.Strata {
		key, ratio := stratum[0], stratum[1]
		type member struct {
			ticket, uscc string
			tickets      int
		}
		var members []member
		var held []int
		for _, one := range sorted {
			if one.text(q.By) == key {
				tickets, _ := one.weight()
				members = append(members, member{ticket(q.Seed, q.Draw, key, one), one.text("uscc"), tickets})
				held = append(held, tickets)
			}
		}
		due := quota(len(members), ratio)
		found.Quotas = append(found.Quotas, [3]any{key, due, len(members)})
		sort.Slice(members, func(a, b int) bool { return members[a].ticket < members[b].ticket })
		chance := map[int]string{}
		if len(members) > 0 {
			chance = chances(held, due)
		}
		for index, one := range members[:min(len(members), due+q.Reserves)] {
			found.Selection = append(found.Selection, canonical(map[string]any{
				"inclusion_prob": chance[one.tickets], "rank": index + 1, "stratum": key, "ticket": one.ticket, "uscc": one.uscc,
			}))
		}
	}
	found.SelectionHash, found.SelectionRoot = listHash(found.Selection), root(found.Selection)
	for _, one := range q.Entries {
		found.Orders = append(found.Orders, officerOrder(q.Seed, q.Draw, one.text("uscc"), q.Officers))
	}
	return found
}

func main() {
	var questions struct{ Draws []question }
	decoder := json.NewDecoder(os.Stdin)
	decoder.UseNumber() // a weight stays the digits it is
	check(decoder.Decode(&questions))
	answers := []answer{}
	for _, one := range questions.Draws {
		answers = append(answers, drawn(one))
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{"draws": answers}))
}
