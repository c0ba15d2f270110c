// Pages whose parts follow one another: one is shown, its heading has the focus and gives the title.
import { all, find } from "./dom.js";

const title = document.title;

export function show(step, focus = "h1") {
	const page = find("main");
	for (const s of all("[data-step]", page)) s.hidden = s.dataset.step !== step;
	const now = find(`[data-step=${step}]`, page);
	const heading = find("h1", now);
	document.title = heading.textContent + title.slice(title.lastIndexOf(" · "));
	if (focus) (find(focus, now) || heading).focus();
}
