"use strict";
const page = document.getElementById("page");
const sans = "system-ui, sans-serif";
Redoc.init(
  page.dataset.document,
  { hideDownloadButton: false, theme: { typography: { fontFamily: sans, headings: { fontFamily: sans } } } },
  page
);
