// Everybody's accounts: to search, to approve, to create.
import "./section.js";
import { sendSignedIn } from "./api.js";
import { showOnce } from "./codes.js";
import { open } from "./dialog.js";
import { find, onClick, onSubmit, tell } from "./dom.js";
import { fill, icon, loading } from "./list.js";
import { ago, many, t } from "./texts.js";

const list = find("#people-list");
const error = find("#people-error");
const form = find("#search-form");
let people = [];

// The search stands in the address, so that it can be kept and gone back to.
for (const [name, value] of new URLSearchParams(location.search)) if (form.elements[name]) form.elements[name].value = value;

function query(after = "") {
	const asked = new URLSearchParams();
	for (const name of ["q", "role", "state"]) if (form.elements[name].value.trim()) asked.set(name, form.elements[name].value.trim());
	history.replaceState(null, "", location.pathname + (asked.size ? "?" + asked : ""));
	if (after) asked.set("after", after);
	asked.set("limit", "50");
	return "admin/accounts?" + asked;
}

const load = (after = "") => loading(list, error, async () => {
	const out = await sendSignedIn("GET", query(after));
	people = after ? people.concat(out.accounts) : out.accounts;
	fill(list, "#person-item", people, t("admin.nobody"), (item, p) => {
		icon(item, p.state === "approval" ? "inbox" : "user");
		find("[data-to]", item).href = "/auth/admin/accounts/" + encodeURIComponent(p.id);
		const last = p.last_auth_at ? t("admin.last_seen", { ago: ago(p.last_auth_at) }) : t("admin.never_seen");
		return {
			name: p.username, about: [p.display_name, p.email, last].filter(Boolean).join(" · "), roles: p.roles.join(", "),
			awaits: p.state === "approval" && t("admin.approval"), disabled: p.state === "disabled" && t("admin.disabled"),
			approve: p.state === "approval" && (() => approve(p)),
		};
	});
	find("#people-count").textContent = many("admin.found", people.length);
	const more = find("#more");
	more.hidden = !out.next;
	more.onclick = () => load(out.next);
});

async function approve(p) {
	await loading(list, error, () => sendSignedIn("POST", `admin/accounts/${encodeURIComponent(p.id)}/approve`, {}));
	await load();
	tell(t("admin.done.approve", { name: p.username }));
}

form.addEventListener("submit", (event) => {
	event.preventDefault();
	load();
});
form.elements.state.addEventListener("change", () => load());

const dialog = find("#create-dialog");
onClick(find("#create"), error, async () => {
	find("#create-form").reset();
	find("#create-error").textContent = "";
	open(dialog);
	find("#new-name").focus();
});
onSubmit(find("#create-form"), async (f) => {
	const body = { username: f.username.value, roles: f.role.value };
	if (f.email?.value) body.email = f.email.value;
	const made = await sendSignedIn("POST", "admin/accounts", body);
	dialog.close();
	await showOnce(find("#made-dialog"), made.password);
	await load();
	tell(t("admin.created", { name: made.username }));
});

load();
