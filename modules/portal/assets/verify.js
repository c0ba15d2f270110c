// What a mailed link confirms: a new account, or another address of one.
import "./plain.js";
import { Refused, send, sendSignedIn } from "./api.js";
import { find, onSubmit } from "./dom.js";
import { keep, secret } from "./fragment.js";
import { show } from "./steps.js";
import { words } from "./texts.js";

const token = secret();

async function confirmMail() {
	keep(token); // a login may come between
	try {
		await sendSignedIn("POST", "account/email/confirm", { token: token.replace(/^email\./, "") });
	} catch (e) {
		if (!(e instanceof Refused)) throw e;
		secret();
		find("#verify-broken").textContent = words(e);
		show("broken");
		return;
	}
	secret();
	show("mail");
}

onSubmit(find("#verify-form"), async (f) => {
	try {
		const out = await send("POST", "register/confirm", { token, password: f.password.value, ...(f.username.value && { username: f.username.value }) });
		show(out.status === "approval" ? "approval" : "active");
	} catch (e) {
		if (e.kind === "name-taken") find("#verify-name").hidden = false;
		if (e.kind === "link-expired") return show("broken");
		throw e;
	}
});

if (token.startsWith("email.")) await confirmMail();
else show(token ? "password" : "broken", "input:not([hidden] input)");
