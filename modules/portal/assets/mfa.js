// The second factor again, before what asks for it.
import "./plain.js";
import { leave, sendSignedIn } from "./api.js";
import { digits, find, onSubmit } from "./dom.js";

onSubmit(find("#stepup-form"), async (fields) => {
	await sendSignedIn("POST", "stepup/totp", { code: digits(fields.code) });
	await leave(find("main").dataset.returnTo);
});
find("#stepup-code").focus();
