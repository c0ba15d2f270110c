// Second factors, recovery codes, the password.
import "./section.js";
import "./links.js";
import { sendSignedIn } from "./api.js";
import { forget, showCodes } from "./codes.js";
import { ask, open } from "./dialog.js";
import { find, onClick, onSubmit, tell } from "./dom.js";
import { totpEnrolment } from "./enrol.js";
import { fill, icon, loading } from "./list.js";
import { ago, date, t } from "./texts.js";
import { make, supported } from "./webauthn.js";

const list = find("#factor-list");
const error = find("#factors-error");
const kinds = { totp: ["phone", "factor.totp"], webauthn: ["usb", "factor.use_webauthn"], passkey: ["passkey", "factor.passkey"] };
let count = 0;

function about(f) {
	const added = t("common.added", { date: date(f.created_at) });
	return [t(kinds[kindOf(f)][1]), added, f.used_at ? t("common.used", { ago: ago(f.used_at) }) : t("common.never_used")].join(" · ");
}

const kindOf = (f) => (f.kind === "webauthn" && f.synced ? "passkey" : f.kind);

const load = () => loading(list, error, async () => {
	const out = await sendSignedIn("GET", "account/factors");
	count = out.factors.length;
	fill(list, "#factor-item", out.factors, t("security.no_factors"), (item, f) => {
		icon(item, kinds[kindOf(f)][0]);
		return { name: f.name || t(kinds[kindOf(f)][1]), about: about(f), rename: () => rename(f), remove: () => remove(f) };
	});
	const state = find("#factor-state");
	state.hidden = false;
	state.textContent = t(count ? "security.on" : "security.off");
	state.className = "tag " + (count ? "on" : "off");
	find("#recovery").hidden = count === 0;
	const left = find("#codes-left");
	left.textContent = t("security.codes_left", { n: out.recovery_codes_left });
	left.className = "tag " + (out.recovery_codes_left > 2 ? "on" : "warn");
	return out;
});

async function rename(f) {
	const act = (name) => sendSignedIn("PATCH", "account/factors/" + encodeURIComponent(f.id), { name });
	if (await ask({ title: t("security.rename_title"), label: t("factor.name"), value: f.name, yes: t("common.save") }, act)) await load();
}

async function remove(f) {
	const act = () => sendSignedIn("DELETE", "account/factors/" + encodeURIComponent(f.id));
	const text = t(count === 1 ? "security.remove_last" : "security.remove_text");
	if (await ask({ title: t("security.remove_title", { name: f.name }), text, yes: t("common.remove"), danger: true }, act)) {
		await load();
		tell(t("security.removed"));
	}
}

// added says so, and shows recovery codes with the first factor.
async function added() {
	const out = await load();
	tell(t("security.added"));
	if (out && out.recovery_codes_left === 0) await newCodes();
}

async function newCodes() {
	const { codes } = await sendSignedIn("POST", "account/recovery-codes", {});
	await keep(codes);
}

// keep shows new codes until somebody says they are kept.
async function keep(codes) {
	const dialog = find("#codes-dialog");
	showCodes(dialog, codes);
	await open(dialog);
	forget();
	await load();
}

const totpDialog = find("#totp-dialog");
const showTOTP = totpEnrolment(totpDialog, async (token, code) => {
	await sendSignedIn("POST", "account/totp/confirm", { token, code });
	totpDialog.close();
	await added();
});
onClick(find("#add-totp"), error, async () => {
	showTOTP(await sendSignedIn("POST", "account/totp", {}));
	open(totpDialog);
});

const addKey = find("#add-key");
addKey.hidden = !supported();
onClick(addKey, error, async () => {
	const made = await ask({ title: t("factor.add_key"), text: t("factor.add_key_text"), label: t("factor.name"), value: t("factor.key_name"), yes: t("common.continue") }, async (name) => {
		const { options } = await sendSignedIn("POST", "account/webauthn/begin", {});
		await sendSignedIn("POST", "account/webauthn", { name, credential: await make(options) });
	});
	if (made) await added();
});

onClick(find("#new-codes"), find("#codes-error"), async () => {
	let codes;
	const asked = await ask({ title: t("security.new_codes"), text: t("security.new_codes_text"), yes: t("security.new_codes") }, async () => {
		({ codes } = await sendSignedIn("POST", "account/recovery-codes", {}));
	});
	if (asked) await keep(codes);
});

onSubmit(find("#change-form"), async (fields) => {
	const old = fields.old; // not there for who has no password yet
	await sendSignedIn("POST", "account/password", { new: fields.new.value, ...(old && { old: old.value }) });
	if (old) old.value = "";
	fields.new.value = "";
	tell(t("security.password_changed"));
});

load();
