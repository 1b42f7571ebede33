"use strict";
// Shows /v1/openapi.json with Swagger UI. The token is kept until the tab is closed, and sent to
// nobody but this service: the Content-Security-Policy of the page allows no other origin.

const KEPT = "supervision-ledger.token";

// Chinese for those whose browser prefers it; the description has both.
const language = (navigator.languages || []).find((name) => /^(zh|en)\b/.test(name)) || "en";

const keepsToken = {
  statePlugins: {
    auth: {
      wrapActions: {
        authorize: (original) => (given) => {
          if (given.token) sessionStorage.setItem(KEPT, given.token.value);
          return original(given);
        },
        logout: (original) => (names) => {
          sessionStorage.removeItem(KEPT);
          return original(names);
        },
      },
    },
  },
};

const page = SwaggerUIBundle({
  url: `/v1/openapi.json?lang=${language.slice(0, 2)}`,
  dom_id: "#operations",
  deepLinking: true,
  displayOperationId: true,
  displayRequestDuration: true,
  docExpansion: "none",
  filter: true,
  defaultModelsExpandDepth: -1,
  tagsSorter: "alpha",
  plugins: [keepsToken],
  onComplete: () => {
    const token = sessionStorage.getItem(KEPT);
    if (token) page.preauthorizeApiKey("token", token);
  },
});
