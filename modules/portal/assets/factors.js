// The ways to prove who one is besides the password: one is shown, the others are a click away.
import { all, digits, find, onClick, onSubmit } from "./dom.js";
import { supported } from "./webauthn.js";

const order = ["webauthn", "totp", "recovery", "password", "none"];
const last = "gw-factor"; // the way that this browser used last

// factorForms works the forms of templates/factors.html. acts has a function for each kind. It returns one that shows the kinds an account has.
export function factorForms(root, acts) {
	const parts = new Map([...all("[data-factor]", root)].map((e) => [e.dataset.factor, e]));
	let kinds = [];

	function use(kind, focus = true) {
		for (const [name, part] of parts) part.hidden = name !== kind;
		for (const b of all("[data-use]", root)) b.parentElement.hidden = b.dataset.use === kind || !kinds.includes(b.dataset.use);
		find(".ways", root).hidden = ![...all(".ways li", root)].some((li) => !li.hidden);
		for (const e of all(".error", root)) e.textContent = "";
		if (focus) (find("input:not(.away), [data-key], a", parts.get(kind)) || parts.get(kind)).focus();
	}

	const taken = (kind, act) => async (...given) => {
		await act(...given);
		localStorage.setItem(last, kind);
	};
	const emptied = (field, act) => async () => {
		const value = field.value;
		field.value = "";
		await act(value);
	};
	const key = parts.get("webauthn");
	onClick(find("[data-key]", key), find(".error", key), taken("webauthn", acts.webauthn));
	onSubmit(parts.get("totp"), (f) => emptied(f.code, taken("totp", acts.totp))());
	onSubmit(parts.get("recovery"), (f) => emptied(f.recovery, acts.recovery)().catch((e) => {
		if (e.kind === "wrong-code") e.kind = "wrong-recovery-code"; // no next one is to be waited for
		throw e;
	}));
	onSubmit(parts.get("password"), (f) => emptied(f.password, acts.password)());
	for (const b of all("[data-use]", root)) b.addEventListener("click", () => use(b.dataset.use));

	return (has) => {
		kinds = order.filter((k) => has.includes(k) && (k !== "webauthn" || supported()));
		if (kinds.length === 0) kinds = has.includes("webauthn") ? ["webauthn"] : ["none"]; // it says what is lacking
		const first = localStorage.getItem(last);
		use(kinds.includes(first) ? first : kinds[0]);
	};
}

export const code = (text) => digits({ value: text });
