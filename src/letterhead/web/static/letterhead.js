// What a page does at once where a script may run. Everything works without it, too.
"use strict";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Tells the server the time zone; what it has written before it knew is put right here. */
function tellZone() {
  const { lang, dataset } = document.documentElement;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || zone === dataset.zone) return;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
  const words = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, { dateStyle: "long", timeStyle: "short" });
  for (const time of all("time.moment")) time.textContent = words.format(new Date(time.dateTime));
}

/** What stands in the form, to see whether it is saved. */
const typed = (form) =>
  JSON.stringify([...new FormData(form)].filter(([name]) => !["to", "code", "domain_code", "csrf"].includes(name)));

function tellUnsaved(form, saved) {
  const unsaved = typed(form) !== saved;
  for (const button of all("[data-needs-saved]")) {
    button.dataset.gated ??= String(button.disabled);
    button.disabled = unsaved || button.dataset.gated === "true";
  }
  for (const reason of all(".unsaved-reason", form)) reason.hidden = !unsaved;
}

/** A relay is reached on one port alone. */
function lockRelay(form) {
  const { server, port } = form.elements;
  const name = server.value.trim().toLowerCase().replace(/\.$/, "");
  const isRelay = form.dataset.relays.split(" ").some((suffix) => name.endsWith(suffix));
  const hint = document.getElementById("port-hint");
  if (isRelay) port.value = form.dataset.relayPort;
  port.readOnly = isRelay;
  hint.textContent = isRelay ? hint.dataset.relayWords : hint.dataset.words;
}

function tellEncryption(form) {
  const words = document.getElementById("ssl-words");
  const tls = document.getElementById("filled-in").dataset.tlsPorts.split(" ").includes(form.elements.port.value.trim());
  const kind = !form.elements.allow_ssl.checked ? "none" : tls ? "tls" : "starttls";
  words.textContent = words.dataset[kind];
}

/** What clients will see, as it is typed. */
function preview(form) {
  for (const part of all("[data-shows]", form)) {
    part.textContent = form.elements[part.dataset.shows].value.trim() || part.dataset.else || "";
  }
}

function watch(form) {
  // Where the server sent typed values back, nothing of them is saved yet.
  const saved = form.dataset.saved === "yes" ? typed(form) : "";
  let leaves = false;
  const look = () => {
    lockRelay(form);
    tellEncryption(form);
    preview(form);
    tellUnsaved(form, saved);
  };
  form.addEventListener("input", (event) => {
    // It is no longer what the provider filled in.
    if (["server", "port"].includes(event.target.name)) event.target.parentElement.querySelector(".filled")?.remove();
    look();
  });
  form.addEventListener("change", look);
  document.addEventListener("htmx:after:swap", look);
  form.addEventListener("keydown", (event) => {
    const button = event.key === "Enter" && event.target.dataset.enter;
    if (!button) return;
    event.preventDefault();
    document.getElementById(button).click();
  });
  form.addEventListener("submit", (event) => {
    leaves = true;
    const busy = event.submitter?.dataset.busy;
    if (busy) event.submitter.textContent = busy;
  });
  addEventListener("beforeunload", (event) => {
    if (!leaves && typed(form) !== saved) event.preventDefault();
  });
  look();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = button.dataset.done;
});

tellZone();
all("form[data-settings]").forEach(watch);
