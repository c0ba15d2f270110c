// The second factor and the password.
import "./plain.js";
import { sendSignedIn } from "./api.js";
import { digits, find, onClick, onSubmit, reload, tell } from "./dom.js";
import { t } from "./texts.js";

onSubmit(find("#change-form"), async (fields) => {
	await sendSignedIn("POST", "account/password", { old: fields.old.value, new: fields.new.value });
	fields.old.value = fields.new.value = "";
	tell(t("security.password_changed"));
});

onSubmit(find("#remove-form"), async (fields) => {
	await sendSignedIn("DELETE", "account/totp", { code: digits(fields.code) });
	await reload(t("security.factor_now_off"));
});

let token = "";
onClick(find("#enrol"), find("#enrol-error"), async () => {
	const out = await sendSignedIn("POST", "account/totp");
	token = out.token;
	find("#enrol-qr").src = out.qr;
	find("#enrol-uri").href = out.uri;
	find("#enrol-secret").textContent = out.secret.replace(/(.{4})(?=.)/g, "$1 ");
	find("#enrol-start").hidden = true;
	find("#enrol-panel").hidden = false;
	find("#enrol-scan").focus();
});
onSubmit(find("#confirm-form"), async (fields) => {
	await sendSignedIn("POST", "account/totp/confirm", { token, code: digits(fields.code) });
	await reload(t("security.factor_now_on"));
});
