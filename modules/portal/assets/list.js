// Lists of what the API answers with: a copy of a template for each, its texts filled in.
import { Refused } from "./api.js";
import { all, find } from "./dom.js";
import { words } from "./texts.js";

// fill puts a copy of the template for each item into the list. describe returns texts by data-f and acts by data-do; what is null is left out.
export function fill(list, template, items, empty, describe) {
	const nodes = items.map((item) => {
		const node = find(template).content.firstElementChild.cloneNode(true);
		const [texts, buttons] = [all("[data-f]", node), all("[data-do]", node)]; // before there are lists in it
		const has = describe(node, item);
		for (const e of texts) {
			const text = has[e.dataset.f];
			if (!text) e.remove();
			else e.textContent = text;
		}
		for (const b of buttons) {
			const act = has[b.dataset.do];
			if (!act) b.remove();
			else b.addEventListener("click", act);
			named(b, has.name);
		}
		return node;
	});
	if (nodes.length === 0) nodes.push(Object.assign(document.createElement("li"), { className: "empty", textContent: empty }));
	list.replaceChildren(...nodes);
}

// named tells the buttons of items apart for who hears them one after the other.
function named(button, name) {
	if (name) button.setAttribute("aria-label", button.textContent.trim() + ": " + name);
}

// icon sets the picture of an item; the templates name the file it is in.
export function icon(node, name) {
	const file = find(".icon use").getAttribute("href").split("#")[0];
	find(".badge use", node).setAttribute("href", file + "#" + name);
}

// loading runs load, says that it does, and what went wrong.
export async function loading(list, error, load) {
	list.setAttribute("aria-busy", "true");
	error.textContent = "";
	try {
		return await load();
	} catch (e) {
		if (!(e instanceof Refused)) throw e;
		error.textContent = words(e);
		return undefined;
	} finally {
		list.removeAttribute("aria-busy");
	}
}
