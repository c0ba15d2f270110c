// Adding an authenticator app.
import { digits, find, onSubmit } from "./dom.js";

// totpEnrolment works the template "totp-enrolment" below root: confirm takes the token and the code. It returns what shows a begun one.
export function totpEnrolment(root, confirm) {
	let token = "";
	onSubmit(find("form", root), (f) => confirm(token, digits(f.code)));
	return (begun) => {
		token = begun.token;
		find("[data-qr]", root).src = begun.qr;
		find("[data-uri]", root).href = begun.uri;
		find("[data-secret]", root).textContent = begun.secret.replace(/(.{4})(?=.)/g, "$1 ");
		find("form", root).reset();
	};
}
