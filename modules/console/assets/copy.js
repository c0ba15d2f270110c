// What is shown short is copied whole.
document.addEventListener("copy", (event) => {
	const at = document.getSelection().anchorNode?.parentElement?.closest("[data-whole]");
	if (!at || document.getSelection().toString() !== at.textContent) return;
	event.clipboardData.setData("text/plain", at.dataset.whole);
	event.preventDefault();
});
