"use strict";
Scalar.createApiReference("#page", {
  url: document.getElementById("page").dataset.document,
  // Everything that would ask another server than the document's.
  withDefaultFonts: false,
  proxyUrl: "",
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: "never",
  agent: { disabled: true },
  mcp: { disabled: true },
});
