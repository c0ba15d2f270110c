// Tokens that somebody makes for programs of their own.
import "./section.js";
import { sendSignedIn } from "./api.js";
import { showOnce } from "./codes.js";
import { ask, open } from "./dialog.js";
import { all, find, onClick, onSubmit, tell } from "./dom.js";
import { fill, icon, loading } from "./list.js";
import { ago, date, many, t } from "./texts.js";

const list = find("#token-list");
const error = find("#tokens-error");
const week = 7 * 86400000;

const load = () => loading(list, error, async () => {
	const rules = await sendSignedIn("GET", "account/tokens");
	fill(list, "#token-item", rules.tokens, t("tokens.none"), (item, k) => {
		icon(item, "key");
		const used = k.used_at ? t("common.used", { ago: ago(k.used_at) }) : t("common.never_used");
		return {
			name: k.name, scopes: k.scopes.join(", "), about: [t("tokens.until", { date: date(k.expires_at) }), used].join(" · "),
			soon: new Date(k.expires_at) - Date.now() < week && t("tokens.soon"), end: () => revoke(k),
		};
	});
	find("#new-token").hidden = !rules.enabled;
	return rules;
});

async function revoke(k) {
	const act = () => sendSignedIn("DELETE", "account/tokens/" + encodeURIComponent(k.id));
	if (!(await ask({ title: t("tokens.revoke_title", { name: k.name }), text: t("tokens.revoke_text"), yes: t("tokens.revoke"), danger: true }, act))) return;
	await load();
	tell(t("tokens.revoked"));
}

// offer fills the dialog with what the configuration allows.
function offer({ scopes, max_days: most }) {
	find("#token-form").reset();
	find("#token-error").textContent = "";
	const set = find("#token-scopes");
	set.hidden = scopes.length === 0;
	find("#token-any").hidden = scopes.length > 0;
	find("#token-typed").required = scopes.length === 0;
	for (const old of all("label", set)) old.remove();
	for (const scope of scopes) {
		const label = Object.assign(document.createElement("label"), { className: "check" });
		label.append(Object.assign(document.createElement("input"), { type: "checkbox", name: "scope", value: scope }), Object.assign(document.createElement("code"), { textContent: scope }));
		set.append(label);
	}
	const days = [7, 30, 90, 365].filter((n) => n < most);
	days.push(most);
	find("#token-days").replaceChildren(...days.map((n) => new Option(many("tokens.days", n), n, n === 30, n === 30)));
}

const dialog = find("#token-dialog");
let rules;
load().then((out) => (rules = out));

onClick(find("#new-token"), error, async () => {
	offer(rules);
	open(dialog);
	find("#token-name").focus();
});

onSubmit(find("#token-form"), async (f) => {
	const chosen = [...all("[name=scope]:checked", dialog)].map((c) => c.value).join(" ");
	const made = await sendSignedIn("POST", "account/tokens", { name: f.name.value, scopes: chosen || f.typed.value, expires_in_days: f.days.value });
	dialog.close();
	await showOnce(find("#made-dialog"), made.token);
	rules = await load();
});
