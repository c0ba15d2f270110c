// Programs with an account, and the keys that they prove themselves with.
import "./section.js";
import { sendSignedIn } from "./api.js";
import { showOnce } from "./codes.js";
import { ask, open } from "./dialog.js";
import { find, onClick, onSubmit, tell } from "./dom.js";
import { fill, icon, loading } from "./list.js";
import { ago, date, t } from "./texts.js";

const list = find("#service-list");
const error = find("#services-error");
const dialog = find("#service-dialog");
const at = (s) => "admin/services/" + encodeURIComponent(s.id);
let changed = null; // the service that the dialog changes; null: it makes one

const load = () => loading(list, error, async () => {
	const { services } = await sendSignedIn("GET", "admin/services");
	fill(list, "#service-item", services, t("services.none"), (item, s) => {
		icon(item, "robot");
		find("[data-to]", item).href = "/auth/admin/accounts/" + encodeURIComponent(s.id);
		fill(find("[data-keys]", item), "#key-item", s.keys, t("services.no_keys"), (node, k) => {
			icon(node, "key");
			const used = k.used_at ? t("common.used", { ago: ago(k.used_at) }) : t("common.never_used");
			return { name: k.kid, about: [k.alg, t("common.added", { date: date(k.created_at) }), used].join(" · "), remove: () => remove(s, k) };
		});
		return {
			name: s.name, scopes: s.scopes.join(", "), roles: s.roles.join(", "), introspect: s.introspect && t("services.introspects"), disabled: s.disabled && t("admin.disabled"),
			change: () => edit(s), add: () => add(s),
		};
	});
});

function edit(s) {
	changed = s;
	const form = find("#service-form");
	form.reset();
	find("#service-error").textContent = "";
	find("#service-title").textContent = s ? t("services.change_title", { name: s.name }) : t("services.new");
	find("#service-who").hidden = Boolean(s);
	form.elements.name.required = form.elements.role.required = !s;
	if (s) {
		form.elements.scopes.value = s.scopes.join(" ");
		form.elements.introspect.checked = s.introspect;
	}
	open(dialog);
	(s ? form.elements.scopes : form.elements.name).focus();
}
onClick(find("#new-service"), error, async () => edit(null));

onSubmit(find("#service-form"), async (f) => {
	const rules = { scopes: f.scopes.value, introspect: String(f.introspect.checked) };
	if (changed) {
		await sendSignedIn("PATCH", at(changed), rules);
		dialog.close();
	} else {
		const made = await sendSignedIn("POST", "admin/services", { name: f.name.value, roles: f.role.value, ...rules });
		dialog.close();
		await showKey(made);
	}
	await load();
	tell(t("services.saved"));
});

async function showKey({ private_key: key }) {
	if (key) await showOnce(find("#made-dialog"), JSON.stringify(key));
}

async function add(s) {
	let made;
	const act = async () => (made = await sendSignedIn("POST", at(s) + "/keys", {}));
	if (!(await ask({ title: t("services.add_title", { name: s.name }), text: t("services.add_text"), yes: t("services.add_key") }, act))) return;
	await showKey(made);
	await load();
}

async function remove(s, k) {
	const act = () => sendSignedIn("POST", at(s) + "/remove-key", { kid: k.kid });
	if (!(await ask({ title: t("services.remove_title"), text: t("services.remove_text", { name: s.name }), yes: t("common.remove"), danger: true }, act))) return;
	await load();
	tell(t("services.saved"));
}

load();
