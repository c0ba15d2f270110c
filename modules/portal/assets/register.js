// Asking for an account, with an invitation or without.
import "./plain.js";
import { send } from "./api.js";
import { find, onSubmit } from "./dom.js";
import { secret } from "./fragment.js";
import { show } from "./steps.js";

const invited = find("main").dataset.kind === "invite";
const invitation = invited ? secret() : "";
if (invited && !invitation) show("broken");

onSubmit(find("#register-form"), async (f) => {
	const body = { username: f.username.value, password: f.password.value, email: f.email?.value, display_name: f.display.value.trim(), locale: document.documentElement.lang, invitation };
	for (const name of ["email", "display_name", "invitation"]) if (!body[name]) delete body[name];
	const out = await send("POST", "register", body);
	f.password.value = "";
	find("[data-mail]").textContent = body.email || "";
	show({ active: "active", approval: "approval" }[out.status] || "confirm");
});
