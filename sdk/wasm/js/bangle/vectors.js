// Holds a charm against vectors: node vectors.js CHARM VECTORS. What goes over the line must be as they say.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { load } from "./charmtest.js";
import { describe } from "./bangle.js";

const [file, vectors] = process.argv.slice(2);
let wrong = 0;
for (const vector of JSON.parse(readFileSync(vectors, "utf8"))) {
	try {
		await hold(vector);
	} catch (err) {
		wrong++;
		console.error(`${vector.name}: ${err.stack}`);
	}
}
process.exit(wrong ? 1 : 0);

async function hold(vector) {
	const calls = [...vector.calls ?? []];
	const host = (name, request) => {
		const want = calls.shift();
		assert.deepEqual([name, JSON.parse(request)], [want?.function, want?.request ?? {}]);
		return want.answer === null ? undefined : JSON.stringify(want.answer);
	};
	let output, error = "";
	try {
		output = await (await load(file)).dispatch(vector.input, host);
	} catch (err) {
		error = describe(err).split("\n")[0];
	}
	assert.equal(error, vector.error ?? "");
	assert.deepEqual(calls, []);
	const want = vector.unhandled || vector.error ? undefined : vector.output;
	assert.deepEqual(output === undefined ? undefined : JSON.parse(JSON.stringify(output)), want);
}
