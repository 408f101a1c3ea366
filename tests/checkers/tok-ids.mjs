// tok-ids.mjs TOKENIZER_JSON TEXTS_JSON: TEXTS_JSON holds an array of strings; prints [{"ids": [...], "text": "..."}, ...],
// the ids that Hugging Face's library gives each string and what it decodes them to.
import fs from "node:fs";
import { load, encode, decode } from "./lib.mjs";

const [tokenizerJson, textsJson] = process.argv.slice(2);
if (!tokenizerJson || !textsJson) {
  console.error("usage: tok-ids.mjs TOKENIZER_JSON TEXTS_JSON");
  process.exit(2);
}
const tokenizer = load(tokenizerJson);
const texts = JSON.parse(fs.readFileSync(textsJson, "utf8"));
const results = texts.map((text) => {
  const ids = encode(tokenizer, text);
  return { ids, text: decode(tokenizer, ids) };
});
process.stdout.write(JSON.stringify(results) + "\n");
