import sodium from "libsodium-wrappers";

// One place that waits for libsodium's WebAssembly; everybody else imports the ready module from here.
await sodium.ready;

export { sodium };
