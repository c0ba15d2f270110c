// Dialogs: the browser's own, which hold the focus and close with Escape.
import { Refused } from "./api.js";
import { find } from "./dom.js";
import { words } from "./texts.js";

// open shows a dialog, and resolves when it is closed, with its returnValue.
export function open(dialog) {
	dialog.returnValue = "";
	dialog.showModal();
	find("h2", dialog).focus();
	return new Promise((closed) => {
		dialog.addEventListener("close", function end() {
			if (dialog.open) return; // it is told of late, when it is open again
			dialog.removeEventListener("close", end);
			closed(dialog.returnValue);
		});
	});
}

for (const button of document.querySelectorAll("dialog [data-close]")) {
	button.addEventListener("click", () => button.closest("dialog").close());
}

// ask has somebody confirm what act does, or type a text for it, and shows in the dialog what went wrong. It resolves to whether act was done.
export async function ask({ title, text = "", yes, danger = false, label = "", value = "", most = 64, must = true }, act) {
	const dialog = find("#ask");
	const [form, error, button, field] = [find("form", dialog), find(".error", dialog), find("#ask-yes"), find("#ask-input")];
	find("#ask-title").textContent = title;
	find("#ask-text").textContent = text;
	find("#ask-label").textContent = label;
	find("#ask-field").hidden = !label;
	Object.assign(field, { value, maxLength: most, required: Boolean(label) && must });
	error.textContent = "";
	button.textContent = yes;
	button.classList.toggle("danger", danger);
	let done = false;
	async function submit(event) {
		event.preventDefault();
		button.disabled = true;
		error.textContent = "";
		try {
			await act(field.value.trim());
			done = true;
			dialog.close();
		} catch (e) {
			if (!(e instanceof Refused)) throw e;
			error.textContent = words(e);
		} finally {
			button.disabled = false;
		}
	}
	form.addEventListener("submit", submit);
	const closed = open(dialog);
	if (label) {
		field.focus();
		field.select();
	}
	await closed;
	form.removeEventListener("submit", submit);
	return done;
}
