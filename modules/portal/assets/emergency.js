// Emergency access, of whoever may take it.
import { sendSignedIn } from "./api.js";
import { find, onClick, onSubmit, tell } from "./dom.js";
import { loading } from "./list.js";
import { t, time } from "./texts.js";

const card = find("#emergency");
const form = find("#emergency-form");
let timer;

// show has the form where there is none, and until when where there is.
function show({ active, until }) {
	form.hidden = active;
	find("#emergency-on").hidden = !active;
	const state = find("#emergency-state");
	state.hidden = !active;
	state.textContent = active ? t("account.emergency_until", { time: time(until) }) : "";
	clearTimeout(timer);
	if (active) timer = setTimeout(load, Math.max(0, new Date(until) - Date.now()) + 1000);
}

const load = () => loading(card, find("#emergency-error"), async () => show(await sendSignedIn("GET", "break-glass")));

if (card) {
	load();
	onSubmit(form, async (f) => {
		const taken = await sendSignedIn("POST", "break-glass", { reason: f.reason.value });
		f.reason.value = "";
		show(taken);
		tell(t("account.emergency_taken", { time: time(taken.until) }));
		find("#emergency-end").focus();
	});
	onClick(find("#emergency-end"), find("#emergency-end-error"), async () => {
		await sendSignedIn("DELETE", "break-glass");
		show({ active: false });
		tell(t("account.emergency_ended"));
	});
}
