// A forgotten password: a mail is asked for, its link sets another one.
import "./plain.js";
import { send } from "./api.js";
import { find, onSubmit } from "./dom.js";
import { secret } from "./fragment.js";
import { show } from "./steps.js";
import { t } from "./texts.js";

const token = secret();
if (token) show("set", "input");
else if (!find("#ask-form")) show("broken");
if (new URLSearchParams(location.search).get("why") === "age") find("#set-text").textContent = t("reset.age_text");

onSubmit(find("#ask-form"), async (f) => {
	await send("POST", "reset", { email: f.email.value });
	show("sent");
});

onSubmit(find("#set-form"), async (f) => {
	try {
		await send("POST", "reset/confirm", { token, password: f.password.value });
	} catch (e) {
		if (e.kind === "link-expired") return show("broken");
		throw e;
	}
	f.password.value = "";
	show("done");
});
