// The profile, the mail address, the own data, emergency access.
import "./section.js";
import "./emergency.js";
import { leave, sendSignedIn } from "./api.js";
import { save } from "./codes.js";
import { ask } from "./dialog.js";
import { find, onClick, onSubmit, tell } from "./dom.js";
import { t } from "./texts.js";

onSubmit(find("#profile-form"), async (f) => {
	await sendSignedIn("PATCH", "account", { display_name: f.display.value.trim(), locale: f.locale.value });
	tell(t("account.saved"));
});

onSubmit(find("#mail-form"), async (f) => {
	const email = f.email.value;
	await sendSignedIn("POST", "account/email", { email });
	f.email.value = "";
	tell(t("account.mail_sent", { email }));
});

onSubmit(find("#report-form"), async (f) => {
	const { reference } = await sendSignedIn("POST", "report", { kind: f.kind.value, text: f.text.value });
	f.text.value = "";
	tell(t("account.report_sent", { reference: reference.slice(0, 8) }));
});

onClick(find("#export"), find("#data-error"), async () => {
	const data = await sendSignedIn("GET", "account/export");
	save("account.json", JSON.stringify(data, null, "\t") + "\n", "application/json");
	tell(t("account.exported"));
});

onClick(find("#erase"), find("#data-error"), async () => {
	const act = () => sendSignedIn("POST", "account/erase", {});
	if (await ask({ title: t("account.erase_title"), text: t("account.erase_text"), yes: t("account.erase"), danger: true }, act)) await leave("/auth/login");
});
