// Draws the charts of a page. Their values stand in a table, which is there without this script, and stays for whoever does not see pictures.
import uPlot from "./uplot.js";

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = n => String(n).padStart(2, "0");

// read takes a chart's values out of its table: times in seconds, then one list for each series; null is a gap.
function read(figure) {
	const rows = [...figure.querySelectorAll("tbody tr")];
	const times = rows.map(row => Date.parse(row.querySelector("time").dateTime) / 1000);
	const series = [...figure.querySelectorAll(".legend li")].map((item, i) => ({
		item, name: item.querySelector(".name").textContent, now: item.querySelector(".reads"), rest: [...item.querySelector(".reads").childNodes],
		values: rows.map(row => { const data = row.cells[i + 1].querySelector("data"); return data ? Number(data.value) : null; }),
		words: at => rows[at].cells[i + 1].textContent,
	}));
	return {times, series, label: at => rows[at].querySelector("time").textContent};
}

// piled makes each series the sum of itself and those after it, so that the first one is drawn first, as high as all of them, and the others before it.
function piled(series) {
	const sums = series.map(s => [...s.values]);
	for (let s = sums.length - 2; s >= 0; s--) {
		sums[s] = sums[s].map((v, i) => (v ?? 0) + (sums[s + 1][i] ?? 0));
	}
	return sums;
}

// dates names times on the axis as briefly as their distance lets it. They are UTC, as everything on the page.
function dates(u, splits, _, __, step) {
	return splits.map(s => {
		if (s > u.data[0].at(-1)) return null; // there is no room for it
		const d = new Date(s * 1000), day = d.getUTCDate() + " " + months[d.getUTCMonth()];
		if (step >= 86400 || d.getUTCHours() === 0 && d.getUTCMinutes() === 0 && d.getUTCSeconds() === 0) return day;
		return two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()) + (step < 60 ? ":" + two(d.getUTCSeconds()) : "");
	});
}

const scaled = (n, base, units) => {
	let at = 0;
	for (; Math.abs(n) >= base && at < units.length - 1; at++) n /= base;
	return +n.toPrecision(3) + units[at];
};
const seconds = n => n === 0 ? "0" : n < 1e-3 ? +(n * 1e6).toPrecision(3) + " µs" : n < 1 ? +(n * 1e3).toPrecision(3) + " ms" : n < 120 ? +n.toPrecision(3) + " s"
	: n < 7200 ? +(n / 60).toPrecision(3) + " min" : n < 172800 ? +(n / 3600).toPrecision(3) + " h" : +(n / 86400).toPrecision(3) + " d";
const kinds = {
	percent: n => +(n * 100).toPrecision(4) + "%",
	bytes: n => scaled(n, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]),
	duration: seconds,
};
const amount = kind => kinds[kind] ?? (n => scaled(n, 1000, ["", "k", "M", "G"]));

// draw puts a chart before its table.
function draw(figure) {
	const chart = read(figure);
	if (chart.times.length === 0) return;
	const stack = "stack" in figure.dataset;
	const css = (of, name) => getComputedStyle(of).getPropertyValue(name).trim();
	const font = "12px " + getComputedStyle(figure).fontFamily;

	const plot = document.createElement("div");
	plot.className = "plot";
	plot.tabIndex = 0;
	plot.setAttribute("role", "group");
	plot.setAttribute("aria-roledescription", "chart");
	plot.setAttribute("aria-label", chart.series.map(s => s.name + " " + s.now.textContent).join(", ") + ". The arrow keys read its values.");
	const at = document.createElement("div");
	at.className = "at";
	at.hidden = true;
	const told = document.createElement("p");
	told.className = "away";
	told.setAttribute("role", "status");
	figure.querySelector("details").before(plot, told);

	// show says what is at the cursor, in the words of the table; null: what stands there without one.
	const show = index => {
		at.hidden = index == null;
		if (index != null) at.textContent = chart.label(index) + " UTC";
		for (const s of chart.series) {
			if (index == null) { s.now.replaceChildren(...s.rest); continue; }
			const strong = document.createElement("strong");
			strong.textContent = s.words(index);
			s.now.replaceChildren(strong);
		}
	};
	const select = u => {
		if (u.select.width < 8 || !figure.dataset.since) return;
		const edge = px => new Date(Math.round(u.posToVal(px, "x")) * 1000).toISOString().slice(0, 19) + "Z";
		const to = new URL(location.href);
		to.searchParams.set(figure.dataset.since, edge(u.select.left));
		to.searchParams.set(figure.dataset.until, edge(u.select.left + u.select.width));
		to.searchParams.delete("after");
		location.assign(to);
	};

	const color = s => () => css(s.item, "--color");
	const lone = chart.series.length === 1;
	// A value without neighbours is a point: no line goes there.
	const alone = (u, s) => chart.times.flatMap((_, i) => u.data[s][i] != null && u.data[s][i - 1] == null && u.data[s][i + 1] == null ? [i] : []);
	const soft = s => () => `color-mix(in srgb, ${css(s.item, "--color")} 14%, transparent)`;
	const bars = uPlot.paths.bars({size: [.86, 60], align: 0});
	const axis = {stroke: () => css(figure, "--dim"), grid: {stroke: () => css(figure, "--line"), width: 1}, ticks: {show: false}, font};
	const format = amount(figure.dataset.kind);
	// A little room on either side of bars, which stand about their times.
	const first = chart.times[0], last = chart.times.at(-1);
	const room = stack && chart.times.length > 1 ? (chart.times[1] - chart.times[0]) / 2 : 0;
	const u = new uPlot({
		width: plot.clientWidth, height: plot.clientHeight, legend: {show: false}, padding: [20, 12, 0, 0],
		tzDate: ts => uPlot.tzDate(new Date(ts * 1000), "Etc/UTC"),
		cursor: {y: false, points: {show: !stack}, drag: {x: !!figure.dataset.since, y: false, setScale: false}},
		scales: {
			x: {range: () => first === last ? [first - 1800, last + 1800] : [first - room, last + room]},
			y: {range: (_, min, max) => { const top = max > 0 ? max : 1; return [Math.min(0, min), figure.dataset.kind === "percent" && top > .9 && top <= 1 ? 1 : top * 1.05]; }},
		},
		axes: [{...axis, values: dates, space: 64, size: 28, grid: {show: false}}, {...axis, values: (_, list) => list.map(format), space: 34, size: sized(font)}],
		series: [{}, ...chart.series.map((s, i) => stack
			? {label: s.name, stroke: color(s), fill: color(s), width: 0, paths: bars, points: {show: false}}
			: {label: s.name, stroke: color(s), width: 2, fill: lone ? soft(s) : undefined, dash: [[], [6, 3], [2, 3], [8, 3, 2, 3]][i % 4], points: {size: 5, filter: (u, s, show) => show ? null : alone(u, s)}})],
		hooks: {setCursor: [u => show(u.cursor.left < 0 ? null : u.cursor.idx)], setSelect: [select]},
	}, [chart.times, ...(stack ? piled(chart.series) : chart.series.map(s => s.values))], plot);
	plot.append(at);

	const go = index => {
		u.setCursor({left: u.valToPos(chart.times[index], "x"), top: u.over.clientHeight / 2});
		told.textContent = chart.label(index) + ": " + chart.series.map(s => s.name + " " + s.words(index)).join(", ");
	};
	plot.addEventListener("keydown", event => {
		const last = chart.times.length - 1, here = u.cursor.left < 0 ? null : u.cursor.idx;
		const page = Math.max(1, Math.round(last / 10));
		const to = {
			ArrowLeft: here == null ? last : here - 1, ArrowRight: here == null ? 0 : here + 1, Home: 0, End: last,
			PageUp: (here ?? last) - page, PageDown: (here ?? 0) + page,
		}[event.key];
		if (event.key === "Escape") u.setCursor({left: -10, top: -10});
		if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
		event.preventDefault();
		go(Math.min(last, Math.max(0, to)));
	});
	plot.addEventListener("blur", () => u.setCursor({left: -10, top: -10}));
	new ResizeObserver(() => { if (plot.clientWidth > 0 && plot.clientWidth !== u.width) u.setSize({width: plot.clientWidth, height: plot.clientHeight}); }).observe(plot);
	for (const media of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) matchMedia(media).addEventListener("change", () => u.redraw());
}

// sized makes an axis as wide as what stands on it.
function sized(font) {
	const pen = document.createElement("canvas").getContext("2d");
	return (_, values) => {
		pen.font = font;
		return Math.ceil(Math.max(24, ...(values ?? []).map(v => pen.measureText(v ?? "").width))) + 14;
	};
}

for (const figure of document.querySelectorAll("figure.chart")) draw(figure);
