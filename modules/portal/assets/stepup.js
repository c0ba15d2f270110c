// Proving anew who one is, before what asks for it: on its own page, or in a dialog over the page that asked.
import { Refused, leave, onStepUp, sendSignedIn } from "./api.js";
import { all, find } from "./dom.js";
import { code, factorForms } from "./factors.js";
import { open } from "./dialog.js";
import { begin } from "./provider.js";
import { ask } from "./webauthn.js";

// ways works the forms below root; done is called when a factor was taken.
export function ways(root, done) {
	const give = (path, body) => sendSignedIn("POST", "stepup/" + path, body).then(done);
	const show = factorForms(root, {
		totp: (text) => give("totp", { code: code(text) }),
		recovery: (text) => give("recovery", { code: text.trim() }),
		password: (text) => give("password", { password: text }),
		webauthn: async () => {
			const { options } = await sendSignedIn("POST", "stepup/webauthn/begin", {});
			await give("webauthn", { credential: await ask(options) });
		},
	});
	// The account's factors; who has none gives the password, where that is enough.
	return async (acr) => {
		const { factors, recovery_codes_left: left } = await sendSignedIn("GET", "account/factors");
		if (all("[data-again]", root).length) await again(root);
		const kinds = new Set(factors.map((f) => f.kind));
		if (kinds.size > 0 && left > 0) kinds.add("recovery");
		if (kinds.size === 0) kinds.add(acr === "aal2" ? "none" : "password");
		show([...kinds]);
	};
}

// again offers the providers that the account is linked to.
async function again(root) {
	const { links } = await sendSignedIn("GET", "account/links");
	for (const b of all("[data-again]", root)) {
		b.parentElement.hidden = !links.some((l) => l.provider === b.dataset.again);
		b.onclick = async () => {
			const { url } = await sendSignedIn("POST", "stepup/provider", { provider: b.dataset.again, return_to: root.dataset.returnTo || location.pathname + location.search });
			begin();
			await leave(url);
		};
	}
}

// inDialog has what was refused for want of a factor ask for it in a dialog, and try again.
export function inDialog() {
	const dialog = find("#stepup");
	const show = ways(dialog, () => dialog.close("done"));
	let asking = null;
	onStepUp(async (refused) => {
		asking ||= (async () => {
			const closed = open(dialog);
			await show(refused.acr);
			return closed;
		})().finally(() => (asking = null));
		if ((await asking) !== "done") throw new Refused(-1, { type: "not-confirmed" }, 0);
	});
}

