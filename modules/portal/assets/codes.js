// Recovery codes, which are shown this once: to copy, to keep as a file, to print.
import { open } from "./dialog.js";
import { all, find } from "./dom.js";
import { t } from "./texts.js";

export function showCodes(root, codes) {
	find("[data-codes]", root).replaceChildren(...codes.map((text) => {
		const item = document.createElement("li");
		item.append(Object.assign(document.createElement("code"), { textContent: text }));
		return item;
	}));
	const said = find("[data-copied]", root);
	said.textContent = "";
	find("[data-copy]", root).onclick = () => copy(codes.join("\n"), said);
	find("[data-download]", root).onclick = () => save("recovery-codes.txt", [document.title, location.host, "", ...codes, ""].join("\n"));
	find("[data-print]", root).onclick = () => print();
}

// copy puts text on the clipboard, and says whether the browser let it.
export async function copy(text, said) {
	try {
		await navigator.clipboard.writeText(text);
		said.textContent = t("common.copied");
	} catch {
		said.textContent = t("common.not_copied");
	}
}

// save has the browser keep text as a file.
export function save(name, text, type = "text/plain") {
	const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([text], { type })), download: name });
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// forget takes the codes off a page that goes on.
export function forget() {
	for (const list of all("[data-codes]")) list.replaceChildren();
}

// showOnce shows a secret in a dialog, and takes it off the page when that is closed.
export async function showOnce(dialog, secret) {
	const [text, said] = [find("[data-once]", dialog), find("[data-copied]", dialog)];
	text.textContent = secret;
	said.textContent = "";
	find("[data-copy]", dialog).onclick = () => copy(secret, said);
	await open(dialog);
	text.textContent = "";
}
