'use strict';

const MASKED = '\u2591';
const NUMBERS = ['max_tokens', 'steps', 'threshold', 'temperature', 'seed'];
const element = (id) => document.getElementById(id);
let running = null;

function request() {
  const body = {
    messages: [{ role: 'user', content: element('prompt').value }],
    stream: true, step_events: true, stream_options: { include_usage: true },
  };
  for (const name of NUMBERS) {
    if (element(name).value !== '') body[name] = Number(element(name).value);
  }
  if (element('remasking').value) body.remasking = element('remasking').value;
  return body;
}

// One span per run of masked or known characters, so that the block is seen turning into text.
function drawBlock(text) {
  const runs = text.match(new RegExp(`${MASKED}+|[^${MASKED}]+`, 'g')) || [];
  element('block').replaceChildren(...runs.map((run) => {
    const span = document.createElement('span');
    if (run[0] === MASKED) span.className = 'masked';
    span.textContent = run;
    return span;
  }));
}

function show(chunk) {
  if (chunk.error) throw new Error(chunk.error.message);
  if (chunk.diffusion_step) {
    const step = chunk.diffusion_step;
    drawBlock(step.text);
    element('progress').textContent =
      `block ${step.block_index + 1}, step ${step.step + 1}, ${step.masked_positions.length} positions masked`;
  }
  const choice = (chunk.choices || [])[0];
  if (choice && choice.delta && choice.delta.content) {
    element('committed').textContent += choice.delta.content;
    element('block').replaceChildren();
  }
  if (chunk.usage) {
    const { completion_tokens: tokens, diffusion } = chunk.usage;
    element('result').textContent = `${tokens} tokens, ${diffusion.steps} steps, ${diffusion.forwards} forwards, `
      + `${diffusion.tokens_per_forward.toFixed(2)} tokens per forward`;
  }
}

// Events are separated by a blank line; a chunk of bytes may end anywhere.
async function readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    pending += value;
    const events = pending.split('\n\n');
    pending = events.pop();
    for (const event of events) {
      if (!event.startsWith('data: ')) continue;
      if (event === 'data: [DONE]') return;
      show(JSON.parse(event.slice(6)));
    }
  }
}

function setRunning(controller) {
  running = controller;
  element('go').disabled = controller !== null;
  element('stop').disabled = controller === null;
}

async function generate() {
  setRunning(new AbortController());
  element('committed').textContent = '';
  element('block').replaceChildren();
  element('progress').textContent = 'waiting …';
  element('result').textContent = '';
  element('result').className = '';
  try {
    const response = await fetch('/v1/chat/completions', {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request()), signal: running.signal,
    });
    if (!response.ok) throw new Error((await response.json()).error.message);
    await readEvents(response);
  } catch (error) {
    element('result').className = 'error';
    element('result').textContent = error.name === 'AbortError' ? 'stopped' : error.message;
  } finally {
    element('progress').textContent = '';
    element('block').replaceChildren();
    setRunning(null);
  }
}

async function describeModel() {
  try {
    const body = await (await fetch('/v1/models')).json();
    if (body.error) throw new Error(body.error.message);
    const model = body.data[0];
    element('model').textContent = `${model.id}: context ${model.context_length}, blocks of ${model.block_length}`;
  } catch (error) {
    element('model').textContent = error.message;
  }
}

element('form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (!running) generate();
});
element('stop').addEventListener('click', () => running && running.abort());
element('prompt').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) element('form').requestSubmit();
});
describeModel();
