// One account, and what an operator may do with it.
import "./section.js";
import { Refused, leave, sendSignedIn } from "./api.js";
import { ask } from "./dialog.js";
import { all, find, onClick, tell } from "./dom.js";
import { ago, t, time, words } from "./texts.js";

const page = find("#person");
const error = find("#person-error");
const at = "admin/accounts/" + encodeURIComponent(page.dataset.id);
let person;

function show(p) {
	person = p;
	document.title = p.username + document.title.slice(document.title.lastIndexOf(" · "));
	find("#who-title").textContent = p.username;
	const facts = {
		display_name: p.display_name, email: p.email && p.email + (p.email_verified ? "" : ` (${t("account.unverified")})`), roles: p.roles.join(", "), state: t(`admin.${p.state}`),
		factors: t(p.second_factor ? "security.on" : "security.off"), created: time(p.created_at), last: p.last_auth_at ? `${ago(p.last_auth_at)} (${time(p.last_auth_at)})` : t("admin.never_seen"),
	};
	for (const e of all("[data-f]", page)) e.textContent = facts[e.dataset.f] || "–";
	find("[data-f=state]", page).className = "tag " + { active: "on", disabled: "off", approval: "warn" }[p.state];
	const fits = { approve: ["approval"], enable: ["disabled"], disable: ["active"], erase: ["active", "disabled", "approval"] };
	for (const b of all("[data-act]", page)) b.hidden = !(fits[b.dataset.act] || ["active", "disabled"]).includes(p.state);
	find("#facts").hidden = find("#acts").hidden = false;
}

async function load() {
	try {
		show(await sendSignedIn("GET", at));
	} catch (e) {
		if (!(e instanceof Refused)) throw e;
		error.textContent = words(e);
	}
	page.removeAttribute("aria-busy");
}

const post = (what) => () => sendSignedIn("POST", at + "/" + what, {});
const acts = {
	approve: post("approve"), unlock: post("unlock"), "end-sessions": post("end-sessions"), "reset-factors": post("reset-factors"),
	enable: () => sendSignedIn("PATCH", at, { disabled: "false" }), disable: () => sendSignedIn("PATCH", at, { disabled: "true" }),
	roles: (role) => sendSignedIn("PATCH", at, { roles: role }), erase: () => sendSignedIn("DELETE", at),
};

for (const b of all("[data-act]", page)) {
	const act = b.dataset.act;
	const key = act.replace("-", "_");
	onClick(b, error, async () => {
		const question = { title: t("admin.ask." + key, { name: person.username }), text: t("admin.text." + key), yes: b.textContent.trim(), danger: b.classList.contains("bad") };
		if (act === "roles") Object.assign(question, { label: t("account.roles"), value: person.roles.join(" "), most: 256 });
		if (!(await ask(question, acts[act]))) return;
		if (act === "erase") await leave("/auth/admin");
		await load();
		tell(t("admin.done." + key, { name: person.username }));
	});
}

load();
