"""A real OpenID provider in a process of its own, which also checks PKCE.

    python tests/api/identity_provider.py USERS

prints the port, then serves until it is stopped. The provider of ``oidc-provider-mock`` does not
look at the code challenge; here the token endpoint refuses a code without the right verifier.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import flask  # noqa: E402
import oidc_provider_mock  # noqa: E402
import werkzeug.serving  # noqa: E402


def main() -> None:
    users = [
        oidc_provider_mock.User(sub=user.pop("sub"), claims=user)
        for user in json.loads(sys.argv[1])
    ]
    app = oidc_provider_mock.app(user_claims=users, require_nonce=True)
    challenges: dict[str, str] = {}

    @app.after_request
    def remember(response: flask.Response) -> flask.Response:
        request = flask.request
        if request.path == "/oauth2/authorize" and response.status_code == 302:
            code = response.headers["Location"].split("code=")[-1].split("&")[0]
            challenges[code] = request.args["code_challenge"]
        return response

    @app.before_request
    def check() -> flask.Response | None:
        form = flask.request.form
        if flask.request.path != "/oauth2/token":
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenges.pop(form.get("code", ""), None) == expected:
            return None
        response = flask.jsonify({"error": "invalid_grant"})
        response.status_code = 400
        return response

    server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
