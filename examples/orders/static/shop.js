// The order desk: a list over HTTP, new orders over server-sent events, the staff board over a WebSocket.
// Text from the server is only ever set as textContent, so nothing in an order can become markup.

const $ = (id) => document.getElementById(id);
const euros = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });
const wholeEuros = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR", maximumFractionDigits: 0 });
const when = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const PAGE_SIZE = 14;

const view = { status: "", page: 1, order: null };
let key = "";
let socket = null;
let products = [];

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

async function request(path, options = {}) {
  const headers = { ...options.headers };
  if (key) headers.authorization = `Bearer ${key}`;
  const answer = await fetch(path, { ...options, headers });
  const body = await answer.json();
  if (answer.ok) return body;
  const details = (body.errors ?? []).map((error) => `${error.loc.join(" → ")}: ${error.msg}`);
  throw new Error(details.join("\n") || body.detail || body.title);
}

function bytes(size) {
  return size < 1024 ? `${size} bytes` : `${(size / 1024).toLocaleString("en", { maximumFractionDigits: 1 })} KiB`;
}

function announce(text) {
  $("announce").textContent = text;
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => { $("announce").textContent = ""; }, 5000);
}

function setState(id, state, text) {
  $(id).dataset.state = state;
  $(id).textContent = text;
}

// --- the list ---

function statusBadge(status) {
  return element("span", status, { class: "status", "data-status": status });
}

function orderRow(order) {
  const row = element("tr", "", { "data-id": order.id });
  const number = element("td");
  number.append(element("button", String(order.id), { class: "open", type: "button", "aria-label": `Open order ${order.id}` }));
  const status = element("td");
  status.append(statusBadge(order.status));
  row.append(number, element("td", order.customer), element("td", when.format(new Date(order.created))), status);
  row.append(element("td", euros.format(order.total / 100), { class: "number" }));
  row.addEventListener("click", () => openOrder(order.id));
  return row;
}

async function showOrders() {
  const query = new URLSearchParams({ page: view.page, size: PAGE_SIZE });
  if (view.status) query.set("status", view.status);
  const page = await request(`/orders?${query}`);
  $("orders").replaceChildren(...page.items.map(orderRow));
  const first = (page.page - 1) * page.size;
  $("position").textContent = page.total ? `${first + 1}–${first + page.items.length} of ${page.total.toLocaleString("en")}` : "None";
  $("newer").disabled = !page.previous;
  $("older").disabled = !page.next;
}

function turn(step) {
  view.page += step;
  showOrders();
}

function choose(tile) {
  for (const other of document.querySelectorAll(".tile[data-status]")) other.setAttribute("aria-pressed", other === tile);
  view.status = tile.dataset.status;
  view.page = 1;
  showOrders();
}

function showSummary(summary) {
  const statuses = ["new", "paid", "shipped", "cancelled"];
  for (const status of statuses) $(`count-${status}`).textContent = summary[status].toLocaleString("en");
  $("count-all").textContent = statuses.reduce((sum, status) => sum + summary[status], 0).toLocaleString("en");
  $("revenue").textContent = wholeEuros.format(summary.revenue / 100);
}

async function refresh() {
  await Promise.all([showOrders(), request("/summary").then(showSummary)]);
}

// --- server-sent events: new orders and summaries; the browser reconnects by itself ---

function listen() {
  const events = new EventSource("/events");
  events.addEventListener("open", () => setState("events-state", "on", "Events: live"));
  events.addEventListener("error", () => setState("events-state", "bad", "Events: reconnecting"));
  events.addEventListener("summary", (event) => showSummary(JSON.parse(event.data)));
  events.addEventListener("gap", refresh);
  events.addEventListener("created", async (event) => {
    const order = JSON.parse(event.data);
    announce(`New order ${order.id} from ${order.customer}`);
    await refresh();
    document.querySelector(`#orders tr[data-id="${order.id}"]`)?.classList.add("fresh");
  });
}

// --- the staff board: one WebSocket, joined with a name and the API key ---

const SENTENCES = {
  created: (order) => `Order ${order.id} came in from ${order.customer}, ${euros.format(order.total / 100)}.`,
  cancelled: (order) => `Order ${order.id} of ${order.customer} was cancelled.`,
  attached: (file) => `${file.name} was attached to order ${file.id}.`,
  joined: (staff) => `${staff.name} joined.`,
  left: (staff) => `${staff.name} left.`,
  refused: (problem) => `Not sent: ${problem.reason}`,
  missed: () => "Something was said or done that did not come through.",
};

function pin(change) {
  const entry = element("li", "", { class: change.kind, "data-kind": change.kind });
  entry.append(element("time", new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })));
  if (change.kind === "said") entry.append(element("strong", `${change.data.name}: `), change.data.text);
  else entry.append(SENTENCES[change.kind]?.(change.data) ?? change.kind);
  $("board").append(entry);
  while ($("board").children.length > 100) $("board").firstChild.remove();
  $("board").scrollTop = $("board").scrollHeight;
  if (change.kind === "cancelled" || change.kind === "missed") refresh();
}

function join(name) {
  socket?.close();
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const joining = new WebSocket(`${scheme}://${location.host}/board`);
  socket = joining;
  joining.addEventListener("open", () => joining.send(JSON.stringify({ type: "hello", name, key })));
  joining.addEventListener("message", (event) => {
    if ($("say").hidden) {
      $("board").replaceChildren();
      $("sign-in").hidden = true;
      $("say").hidden = false;
      setState("board-state", "on", `Board: ${name}`);
    }
    pin(JSON.parse(event.data));
  });
  joining.addEventListener("close", (event) => {
    if (socket !== joining) return;
    $("sign-in").hidden = false;
    $("say").hidden = true;
    setState("board-state", "bad", event.reason ? `Board: ${event.reason}` : "Board: not connected");
  });
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  key = form.get("key");
  join(form.get("name"));
});

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  socket.send(JSON.stringify({ type: "say", text: new FormData(event.target).get("text") }));
  event.target.reset();
});

// --- a new order ---

function addLine() {
  const line = $("line").content.cloneNode(true).firstElementChild;
  const select = line.querySelector("select");
  for (const product of products) select.append(new Option(`${product.name} · ${euros.format(product.price / 100)}`, product.sku));
  line.querySelector("button").addEventListener("click", () => {
    if ($("lines").children.length > 1) line.remove();
    showTotal();
  });
  $("lines").append(line);
  showTotal();
  return line;
}

function wantedLines() {
  return [...$("lines").children].map((line) => ({
    sku: line.querySelector("select").value,
    quantity: line.querySelector("input").valueAsNumber || 0,
  }));
}

function showTotal() {
  const prices = new Map(products.map((product) => [product.sku, product.price]));
  const total = wantedLines().reduce((sum, line) => sum + prices.get(line.sku) * line.quantity, 0);
  $("new-total").textContent = euros.format(total / 100);
}

$("add-line").addEventListener("click", () => addLine().querySelector("select").focus());
$("lines").addEventListener("input", showTotal);

$("new-order").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const order = { customer: form.get("customer"), email: form.get("email"), note: form.get("note"), lines: wantedLines() };
  $("new-problem").textContent = "";
  try {
    await request("/orders", { method: "POST", body: JSON.stringify(order), headers: { "content-type": "application/json" } });
    event.target.reset();
    $("lines").replaceChildren();
    addLine();
  } catch (problem) {
    $("new-problem").textContent = problem.message;
  }
});

// --- one order ---

async function openOrder(id) {
  const order = await request(`/orders/${id}`);
  view.order = id;
  $("order-title").textContent = `Order ${order.id}`;
  $("order-status").replaceWith(Object.assign(statusBadge(order.status), { id: "order-status" }));
  $("order-customer").textContent = `${order.customer} · ${order.email} · ${when.format(new Date(order.created))}`;
  $("order-lines").replaceChildren(...order.lines.map((line) => {
    const row = element("tr");
    row.append(element("td", line.name), element("td", String(line.quantity), { class: "number" }));
    row.append(element("td", euros.format((line.price * line.quantity) / 100), { class: "number" }));
    return row;
  }));
  $("order-total").textContent = euros.format(order.total / 100);
  $("order-note").textContent = order.note;
  $("order-note").hidden = !order.note;
  $("attachments").replaceChildren(...order.attachments.map((file) => {
    const item = element("li");
    item.append(element("a", file.name, { href: file.url }), ` (${bytes(file.size)})`);
    return item;
  }));
  if (!order.attachments.length) $("attachments").append(element("li", "None yet.", { class: "quiet" }));
  $("cancel-order").hidden = !["new", "paid"].includes(order.status);
  $("order-problem").textContent = "";
  if (!$("order").open) $("order").showModal();
}

async function change(path, options) {
  try {
    await request(path, { method: "POST", ...options });
    await openOrder(view.order);
  } catch (problem) {
    $("order-problem").textContent = problem.message;
  }
}

$("upload").addEventListener("submit", async (event) => {
  event.preventDefault();
  await change(`/orders/${view.order}/attachments`, { body: new FormData(event.target) });
  event.target.reset();
});

$("cancel-order").addEventListener("click", async () => {
  await change(`/orders/${view.order}/cancel`);
  refresh();
});
$("close-order").addEventListener("click", () => $("order").close());
$("newer").addEventListener("click", () => turn(-1));
$("older").addEventListener("click", () => turn(1));
for (const tile of document.querySelectorAll(".tile[data-status]")) tile.addEventListener("click", () => choose(tile));

products = await request("/products");
addLine();
listen();
await showOrders();
