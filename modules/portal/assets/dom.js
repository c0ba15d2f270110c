// What the pages' scripts share: finding things, forms, news. Text from elsewhere only ever becomes textContent.
import { Refused } from "./api.js";
import { words } from "./texts.js";

export const find = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => root.querySelectorAll(selector);

// onSubmit runs act when the form is sent, and shows what went wrong beside the field that it names.
export function onSubmit(form, act) {
	if (!form) return;
	const button = find("button[type=submit]", form);
	const error = find(".error", form);
	const fields = all("input:not(.away, [type=checkbox]), textarea", form);
	button.disabled = false;
	form.addEventListener("submit", async (event) => {
		event.preventDefault();
		if (button.disabled) return;
		button.disabled = true;
		error.textContent = "";
		for (const f of fields) f.removeAttribute("aria-invalid");
		try {
			await act(form.elements);
		} catch (e) {
			if (!(e instanceof Refused)) throw e;
			error.textContent = words(e);
			const last = fields[fields.length - 1];
			if (e.status === 401 || e.status === 422) last.setAttribute("aria-invalid", "true");
			last.focus();
			last.select();
		} finally {
			button.disabled = false;
		}
	});
}

// onClick runs act when the button is pressed, and shows what went wrong in error.
export function onClick(button, error, act) {
	if (!button) return;
	button.disabled = false;
	button.addEventListener("click", async () => {
		button.disabled = true;
		error.textContent = "";
		try {
			await act();
		} catch (e) {
			if (!(e instanceof Refused)) throw e;
			error.textContent = words(e);
			button.focus();
		} finally {
			button.disabled = false;
		}
	});
}

export const digits = (field) => field.value.replace(/\s/g, "");

// tell shows news at the top of an account's page; reload shows them after loading it again.
export function tell(text) {
	const flash = find("#flash");
	flash.textContent = text;
	flash.hidden = false;
	flash.scrollIntoView({ block: "nearest" });
}

export function reload(text) {
	sessionStorage.setItem("gw-flash", text);
	location.reload();
	return new Promise(() => {});
}
