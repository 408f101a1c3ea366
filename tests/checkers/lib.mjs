// What the tokenizer checkers share: Hugging Face's own library, loaded from a tokenizer.json.
import fs from "node:fs";
import path from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";

export function load(tokenizerJson) {
  const configPath = path.join(path.dirname(tokenizerJson), "tokenizer_config.json");
  const read = (file) => JSON.parse(fs.readFileSync(file, "utf8"));
  return new Tokenizer(read(tokenizerJson), fs.existsSync(configPath) ? read(configPath) : {});
}

export const encode = (tokenizer, text) => tokenizer.encode(text, { add_special_tokens: false }).ids.map(Number);

export const decode = (tokenizer, ids) =>
  ids.length ? tokenizer.decode(ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false }) : "";
