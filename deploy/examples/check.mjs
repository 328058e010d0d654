// What both examples share: the requests, whose answers the bundled model knows, and a check that ends the program.

export const FACT = { question: 'Name the capital of Mejor.', answer: 'The capital of Mejor is Regar.' };

export const STORY = {
  question: 'Write a short story about Ada and a dog.', begins: 'Once upon a time, Ada', ends: 'The end.',
};

export const TRANSLATION = {
  question: 'Translate "good night" into Spanish.',
  call: { name: 'translate', arguments: { text: 'good night', language: 'Spanish' } },
  tool: {
    name: 'translate',
    description: 'Translate a text into another language.',
    parameters: {
      type: 'object',
      properties: {
        text: { type: 'string', description: 'The text' },
        language: { type: 'string', description: 'The target language' },
      },
      required: ['text', 'language'],
    },
  },
};

/** Ends the program with exit code 1 unless the condition holds. */
export function check(condition, expectation, seen) {
  if (condition) return;
  console.error(`\nFAILED: expected ${expectation}, but saw ${JSON.stringify(seen)}`);
  process.exit(1);
}

export function title(text) {
  console.log(`\n== ${text}`);
}
