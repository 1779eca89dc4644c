// Browsers open no data URI of more than two megabytes in a frame: pages become its text, and the paper a blob.
HTMLIFrameElement.prototype.setAttribute = function (name, value) {
  const set = Element.prototype.setAttribute.bind(this);
  const uri = name === "src" && /^data:([^;,]*)[^,]*;base64,/.exec(value);
  if (!uri) return set(name, value);
  const bytes = Uint8Array.from(atob(value.slice(uri[0].length)), letter => letter.charCodeAt(0));
  if (uri[1] === "text/html") return set("srcdoc", new TextDecoder().decode(bytes));
  this.removeAttribute("srcdoc"); // which would win
  set("src", URL.createObjectURL(new Blob([bytes], { type: uri[1] })));
};
