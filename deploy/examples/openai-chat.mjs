// The official OpenAI client against a llada-cluster gateway.
//   node openai-chat.mjs [http://127.0.0.1:8080]
// Made for the bundled model llada2-tiny-chat, whose answers it checks; exit code 0 when all went as expected.
import OpenAI from 'openai';
import { FACT, STORY, TRANSLATION, check, title } from './check.mjs';

const url = process.argv[2] ?? 'http://127.0.0.1:8080';
// The gateway asks for no key, but the client insists on one.
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', timeout: 60_000 });

const user = (content) => [{ role: 'user', content }];

async function listModels() {
  title('Which models are served?');
  const models = [];
  for await (const model of client.models.list()) models.push(model);
  for (const model of models) {
    console.log(`${model.id}: context of ${model.context_length} positions, blocks of ${model.block_length}`);
  }
  check(models.length === 1, 'one model', models);
  return models[0].id;
}

async function askFact(model) {
  title(`A fact, in one piece: ${FACT.question}`);
  const completion = await client.chat.completions.create({ model, messages: user(FACT.question) });
  const { message, finish_reason: reason } = completion.choices[0];
  const { usage } = completion;
  console.log(message.content);
  console.log(`${usage.prompt_tokens} prompt tokens, ${usage.completion_tokens} answer tokens, `
    + `${usage.diffusion.forwards} forward passes, ended by ${reason}`);
  check(message.content === FACT.answer, FACT.answer, message.content);
  check(reason === 'stop', 'finish reason stop', reason);
  check(usage.total_tokens === usage.prompt_tokens + usage.completion_tokens, 'a usage that adds up', usage);
}

async function streamStory(model) {
  title(`A story, as it comes: ${STORY.question}`);
  const stream = await client.chat.completions.create({
    model, messages: user(STORY.question), max_tokens: 200, stream: true, stream_options: { include_usage: true },
  });
  let text = '';
  let usage;
  for await (const chunk of stream) {
    const added = chunk.choices[0]?.delta?.content ?? ''; // the chunk with the usage has no choices
    process.stdout.write(added);
    text += added;
    usage = chunk.usage ?? usage;
  }
  console.log(`\n${usage.completion_tokens} tokens in ${usage.diffusion.forwards} forward passes: `
    + `${usage.diffusion.tokens_per_forward.toFixed(1)} tokens per forward pass`);
  check(text.startsWith(STORY.begins), `a story that begins with '${STORY.begins}'`, text);
  check(text.endsWith(STORY.ends), `a story that ends with '${STORY.ends}'`, text);
  check(usage.diffusion.tokens_per_forward > 1, 'more than one token per forward pass', usage);
}

async function callTool(model) {
  title(`A tool call: ${TRANSLATION.question}`);
  const messages = user(TRANSLATION.question);
  const tools = [{ type: 'function', function: TRANSLATION.tool }];
  const completion = await client.chat.completions.create({ model, messages, tools });
  const { message, finish_reason: reason } = completion.choices[0];
  const call = message.tool_calls?.[0];
  console.log(`the model calls ${call?.function.name}(${call?.function.arguments})`);
  check(reason === 'tool_calls', 'finish reason tool_calls', completion.choices[0]);
  check(call.function.name === TRANSLATION.call.name, `a call of ${TRANSLATION.call.name}`, call);
  const { text, language } = JSON.parse(call.function.arguments);
  check(text === TRANSLATION.call.arguments.text && language === TRANSLATION.call.arguments.language,
    JSON.stringify(TRANSLATION.call.arguments), call.function.arguments);

  // The call's result goes back as a message, and the model says it in words.
  messages.push(message, { role: 'tool', tool_call_id: call.id, content: '{"translation": "zabel"}' });
  const answer = (await client.chat.completions.create({ model, messages, tools })).choices[0].message.content;
  console.log(answer);
  check(answer.includes('zabel'), "an answer with 'zabel'", answer);
}

async function streamToolCall(model) {
  title('The same tool call, streamed through the client\'s own accumulator');
  const runner = client.chat.completions.stream({
    model, messages: user(TRANSLATION.question), tools: [{ type: 'function', function: TRANSLATION.tool }],
  });
  const { tool_calls: calls } = (await runner.finalChatCompletion()).choices[0].message;
  console.log(calls?.map(({ function: called }) => `${called.name}(${called.arguments})`).join(', '));
  check(calls?.length === 1 && calls[0].function.name === TRANSLATION.call.name, 'one tool call', calls);
}

// Fields that OpenAI does not have are passed on as they are.
async function setDiffusion(model) {
  title('Diffusion settings: one position per step, the most confident first');
  const { usage, choices } = await client.chat.completions.create({
    model, messages: user(FACT.question), max_tokens: 32, remasking: 'low_confidence', steps: 32,
  });
  console.log(`${choices[0].message.content} (${usage.diffusion.steps} steps)`);
  check(usage.diffusion.steps > 1, 'more than one step', usage);
}

async function stopEarly(model) {
  title('Leaving a stream: the cluster stops working on it');
  const stream = await client.chat.completions.create({
    model, messages: user(STORY.question), max_tokens: 200, remasking: 'low_confidence', stream: true,
  });
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.content) break; // leaving the loop closes the connection
  }
  console.log('left after the first text');
}

async function showErrors(model) {
  title('Errors say what is wrong');
  const wrong = [
    [{ model, messages: user('Hi'), max_tokens: 1_000_000 }, 400, 'max_tokens'],
    [{ model, messages: user('Hi'), temperature: -1 }, 400, 'temperature'],
    [{ model: 'gpt-4', messages: user('Hi') }, 404, 'model'],
  ];
  for (const [body, status, parameter] of wrong) {
    const error = await client.chat.completions.create(body).then(() => null, (thrown) => thrown);
    console.log(`${error?.status} ${error?.code}: ${error?.error?.message}`);
    check(error instanceof OpenAI.APIError && error.status === status && error.param === parameter,
      `status ${status} for ${parameter}`, error);
  }
}

try {
  const model = await listModels();
  await askFact(model);
  await streamStory(model);
  await callTool(model);
  await streamToolCall(model);
  await setDiffusion(model);
  await stopEarly(model);
  await showErrors(model);
  console.log('\nall as expected');
} catch (error) {
  const cause = error.cause?.code ?? error.cause?.message ?? '';
  console.error(`\nFAILED against ${url}: ${error.message} ${cause}`);
  process.exitCode = 1;
}
