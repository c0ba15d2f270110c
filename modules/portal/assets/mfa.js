// A factor again, before what asks for it.
import "./plain.js";
import { Refused, leave } from "./api.js";
import { find } from "./dom.js";
import { ways } from "./stepup.js";
import { words } from "./texts.js";

const page = find("main");
try {
	await ways(page, () => leave(page.dataset.returnTo))(page.dataset.acr);
} catch (e) {
	if (!(e instanceof Refused)) throw e;
	find(".lead").textContent = words(e);
}
