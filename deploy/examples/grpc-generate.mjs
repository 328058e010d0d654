// A gRPC client of a llada-cluster gateway, made from the published contract alone; nothing is generated beforehand.
//   node grpc-generate.mjs [http://127.0.0.1:8080]
// Made for the bundled model llada2-tiny-chat, whose answers it checks; exit code 0 when all went as expected.
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FACT, STORY, TRANSLATION, check, title } from './check.mjs';

const target = (process.argv[2] ?? 'http://127.0.0.1:8080').replace(/^http:\/\//, '').replace(/\/$/, '');
const contract = fileURLToPath(new URL('../../proto/src/main/protobuf/llada/v1/generation.proto', import.meta.url));
// Without defaults, a field that holds 0 or nothing would be missing from the messages.
const options = { keepCase: true, enums: String, oneofs: true, defaults: true };
const { llada } = grpc.loadPackageDefinition(protoLoader.loadSync(contract, options));
const client = new llada.v1.Generation(target, grpc.credentials.createInsecure());
const deadline = () => new Date(Date.now() + 60_000);

const chat = (content) => ({ messages: [{ role: 'user', content }] });

/** Sends the request, tells of each event as it comes, and returns the text, the steps and the last event. */
async function generate(request) {
  const answer = { text: '', steps: [], finished: null };
  for await (const { event, ...message } of client.generate(request, { deadline: deadline() })) {
    if (event === 'step_progress') {
      const step = message.step_progress;
      answer.steps.push(step);
      console.log(`  block ${step.block_index} step ${step.step}: ${step.committed_positions.length} positions `
        + `committed, ${step.masked_positions.length} masked | ${step.text}`);
    } else if (event === 'block_committed') {
      const { block_index: index, text } = message.block_committed;
      console.log(`  block ${index} is final: ${JSON.stringify(text)}`);
      answer.text += text;
    } else if (event === 'finished') {
      answer.finished = message.finished;
    }
  }
  check(answer.finished !== null, 'finished as the last event', answer);
  const { reason, usage } = answer.finished;
  console.log(`  ${reason}: ${usage.completion_tokens} tokens, ${usage.steps} steps, ${usage.forwards} forward passes, `
    + `${usage.tokens_per_forward.toFixed(1)} tokens per forward pass`);
  return answer;
}

async function checkHealth() {
  title('Is the service healthy?');
  // grpc.health.v1.Health, whose messages are short enough to write down: a name out, a number back.
  const health = {
    path: '/grpc.health.v1.Health/Check', requestStream: false, responseStream: false,
    requestSerialize: (service) => Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]),
    responseDeserialize: (bytes) => (bytes.length === 2 && bytes[0] === 0x08 ? bytes[1] : 0),
    requestDeserialize: String, responseSerialize: Buffer.from,
  };
  const Health = grpc.makeGenericClientConstructor({ check: health }, 'Health');
  const healthClient = new Health(target, grpc.credentials.createInsecure());
  const status = await promisify(healthClient.check.bind(healthClient))('llada.v1.Generation');
  healthClient.close();
  console.log(['UNKNOWN', 'SERVING', 'NOT_SERVING'][status]);
  check(status === 1, 'SERVING', status);
}

async function listModels() {
  title('Which models are served?');
  const { models } = await promisify(client.listModels.bind(client))({});
  for (const model of models) {
    console.log(`${model.id}: context of ${model.context_length} positions, blocks of ${model.block_length}`);
  }
  check(models.length === 1, 'one model', models);
}

async function askFact() {
  title(`A fact: ${FACT.question}`);
  const { text, finished } = await generate({ chat: chat(FACT.question) });
  check(text === FACT.answer, FACT.answer, text);
  check(finished.reason === 'FINISH_REASON_STOP', 'FINISH_REASON_STOP', finished);
}

async function callTool() {
  title(`A tool call: ${TRANSLATION.question}`);
  const { name, description, parameters } = TRANSLATION.tool;
  const tools = [{ name, description, parameters_json: JSON.stringify(parameters) }];
  const { finished } = await generate({ chat: { ...chat(TRANSLATION.question), tools } });
  const call = finished.tool_calls[0];
  console.log(`the model calls ${call?.name}(${call?.arguments_json})`);
  check(finished.reason === 'FINISH_REASON_TOOL_CALLS' && call.name === name, `a call of ${name}`, finished);
  const { text, language } = JSON.parse(call.arguments_json);
  check(text === TRANSLATION.call.arguments.text && language === TRANSLATION.call.arguments.language,
    JSON.stringify(TRANSLATION.call.arguments), call.arguments_json);
}

async function watchStory() {
  title(`A story, step by step: ${STORY.question}`);
  const { text, steps, finished } = await generate({
    chat: chat(STORY.question), step_events: true, settings: { max_tokens: 200, threshold: 0.999 },
  });
  check(text.startsWith(STORY.begins) && text.endsWith(STORY.ends), 'the whole story', text);
  check(steps.length > 0 && steps.length <= finished.usage.steps, 'an event for each step', steps.length);
  check(steps.every((step) => step.committed_positions.length === step.confidences.length),
    'a confidence for each committed position', steps);
}

async function cancelStory() {
  title('Cancelling a call');
  const settings = { max_tokens: 200, remasking: 'REMASKING_LOW_CONFIDENCE' }; // a step per position, so there is time
  const call = client.generate({ chat: chat(STORY.question), settings }, { deadline: deadline() });
  const error = await new Promise((resolve) => {
    call.on('data', () => call.cancel()).on('error', resolve).on('end', () => resolve(null));
  });
  console.log(grpc.status[error?.code]);
  check(error?.code === grpc.status.CANCELLED, 'CANCELLED', error);
}

async function showErrors() {
  title('Errors say what is wrong');
  const wrong = [
    [{ chat: chat('Hi'), settings: { max_tokens: 1_000_000 } }, grpc.status.INVALID_ARGUMENT],
    [{ chat: chat('Hi'), settings: { temperature: NaN } }, grpc.status.INVALID_ARGUMENT],
    [{ prompt: 'Hi', model: 'gpt-4' }, grpc.status.NOT_FOUND],
    [{}, grpc.status.INVALID_ARGUMENT],
  ];
  for (const [request, status] of wrong) {
    const call = client.generate(request, { deadline: deadline() });
    const error = await call.toArray().then(() => null, (thrown) => thrown);
    console.log(`${grpc.status[error?.code]}: ${error?.details}`);
    check(error?.code === status, grpc.status[status], error?.message);
  }
}

try {
  await checkHealth();
  await listModels();
  await askFact();
  await callTool();
  await watchStory();
  await cancelStory();
  await showErrors();
  console.log('\nall as expected');
} catch (error) {
  console.error(`\nFAILED against ${target}: ${error.message}`);
  process.exitCode = 1;
} finally {
  client.close();
}
