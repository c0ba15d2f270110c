// Live tables: rows as the gateway sends them, newest first. The table stays as it is while nobody watches.
const most = 500; // rows that the page, or a pause, holds
const box = document.querySelector("[data-live]");
if (box) setUp(box, document.querySelector(".list tbody"));

function setUp(box, body) {
	const button = box.querySelector("[data-watch]");
	const [label, status] = [button.querySelector("span"), box.querySelector("[role=status]")];
	let [stream, paused, waiting, skipped, drawing] = [null, false, [], 0, false];
	box.hidden = false;

	button.addEventListener("click", () => {
		if (!stream) start();
		else if (paused) resume();
		else pause();
	});

	function start() {
		stream = new EventSource(box.dataset.live);
		paused = false;
		show("Pause", "Watching.");
		stream.addEventListener("row", (event) => {
			waiting.push(JSON.parse(event.data));
			if (waiting.length > most) {
				waiting.shift();
				skipped++;
			}
			if (paused) tell(waiting.length + " waiting");
			else draw();
		});
		stream.addEventListener("skipped", (event) => {
			skipped += Number(event.data);
			tell("Watching. " + skipped + " came too fast to be shown.");
		});
		stream.addEventListener("open", () => { if (!paused) tell("Watching."); });
		stream.addEventListener("end", (event) => {
			if (event.data === "reload") return; // it asks again by itself
			stop({ "signed-out": "Your session has ended.", factor: "Your second factor is needed again: load the page again.", refused: "You may not see this any more." }[event.data] ?? "It stopped.");
		});
		stream.addEventListener("error", () => {
			if (stream?.readyState === EventSource.CLOSED) stop("It can't be watched now. Load the page again.");
			else if (stream) tell("The connection is lost. Trying again.");
		});
	}

	function stop(text) {
		stream.close();
		stream = null;
		paused = false;
		show("Watch live", text);
		button.setAttribute("aria-pressed", "false");
	}

	function pause() {
		paused = true;
		show("Resume", "Paused.");
	}

	function resume() {
		paused = false;
		show("Pause", "Watching.");
		draw();
	}

	function show(does, text) {
		label.textContent = does;
		button.setAttribute("aria-pressed", String(Boolean(stream) && !paused));
		tell(text);
	}

	function tell(text) { if (status.textContent !== text) status.textContent = text; }

	function draw() {
		if (drawing) return;
		drawing = true;
		requestAnimationFrame(() => {
			drawing = false;
			if (paused) return;
			body.querySelector(".empty")?.remove();
			for (const item of waiting.splice(0)) body.prepend(row(item));
			while (body.rows.length > most) body.lastElementChild.remove();
		});
	}
}

const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

function row(item) {
	const tr = make("tr", { className: ("new " + (item.tone ?? "")).trim() });
	tr.setAttribute("role", "row");
	for (const c of item.cells) {
		const td = make("td", { className: "k-" + (c.k ?? "text") + (c.x ? " less" : "") });
		td.setAttribute("role", "cell");
		td.dataset.label = c.l ?? "";
		td.append(value(c));
		tr.append(td);
	}
	if (item.open || item.acts) tr.append(ends(item));
	return tr;
}

function value(c) {
	if (c.m) {
		const many = make("span", { className: "many" });
		for (const one of c.m) many.append(one.h ? make("a", { className: "tag", href: one.h, textContent: one.t }) : make("span", { className: "tag", textContent: one.t }), " ");
		return many;
	}
	if (!c.t) {
		const none = make("span", { className: "none", textContent: "–" });
		none.setAttribute("aria-hidden", "true");
		return none;
	}
	const inner = plain(c);
	if (!c.h) return inner;
	const link = make("a", { href: c.h });
	link.append(inner);
	return link;
}

function plain(c) {
	if (c.d) return make("time", { dateTime: c.d, textContent: c.t });
	if (c.k === "state" || c.k === "level") return make("span", { className: "tag " + (c.o ?? ""), textContent: c.t });
	if (c.w) {
		const code = make("code", { title: c.w, textContent: c.t });
		code.dataset.whole = c.w;
		return code;
	}
	if (c.k === "code") return make("code", { textContent: c.t });
	return c.o ? make("span", { className: c.o, textContent: c.t }) : document.createTextNode(c.t);
}

function ends(item) {
	const td = make("td", { className: "acts-cell" });
	td.setAttribute("role", "cell");
	if (item.open) td.append(make("a", { className: "quiet small", href: item.open, textContent: "Open" }));
	for (const act of item.acts ?? []) {
		const a = make("a", { className: "quiet small" + (act.danger ? " danger-text" : ""), href: act.href, textContent: act.title });
		a.dataset.ask = "";
		td.append(a);
	}
	return td;
}
