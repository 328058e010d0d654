'use strict';

const MASKED = '\u2591';
const NUMBERS = ['max_tokens', 'block_length', 'steps', 'threshold', 'temperature', 'seed'];
const MODEL_RETRY_MS = 3000;
const element = (id) => document.getElementById(id);
let running = null; // the controller that cancels the answer in progress
let blocks = []; // what is drawn: {item, counters, cells, summary, known: Map(position -> {confidence, step})}
let stepsTaken = 0;

const count = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`;

// ---- the request

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

// ---- the picture: a block is a list item, a position is a cell

function block(index) {
  if (!blocks[index]) {
    const [item, counters, cells] = ['li', 'div', 'div'].map((name) => document.createElement(name));
    counters.className = 'counters';
    cells.className = 'cells';
    item.append(counters, cells);
    element('blocks').append(item);
    blocks[index] = { item, counters, cells, known: new Map() };
  }
  return blocks[index];
}

function cell(piece, tokenId, known, step) {
  const span = document.createElement('span');
  span.className = 'cell';
  if (piece === MASKED) {
    span.classList.add('masked');
    span.textContent = ' ';
    return span;
  }
  if (piece === '') span.classList.add('silent'); // a control token, such as the end of the answer
  span.textContent = piece === '' ? '\u00b7' : piece.replaceAll('\n', '\u21b5');
  span.title = `token ${tokenId}`;
  if (known) {
    // The fourth power, because confidences worth telling apart lie near 1.
    span.style.setProperty('--shade', `${Math.round(8 + 52 * known.confidence ** 4)}%`);
    span.title += `, confidence ${known.confidence.toFixed(3)}, step ${known.step + 1}`;
    if (known.step === step) span.classList.add('fresh');
  }
  return span;
}

function drawStep(step) {
  const { counters, cells, known } = block(step.block_index);
  step.committed_positions.forEach((position, i) => {
    known.set(position, { confidence: step.confidences[i] ?? 1, step: step.step });
  });
  cells.replaceChildren(...step.pieces.map((piece, i) => {
    const position = step.answer_from + i;
    return cell(piece, step.token_ids[position], known.get(position), step.step);
  }));
  const name = `block ${step.block_index + 1}`;
  counters.textContent = `${name} · step ${step.step + 1} · `
    + `${step.masked_positions.length} of ${step.pieces.length} positions masked`;
  stepsTaken += 1;
  element('progress').textContent = `${name}, ${count(stepsTaken, 'step')} so far`;
  blocks[step.block_index].summary = `${name} · ${count(step.step + 1, 'step')} · ${count(step.pieces.length, 'position')}`;
}

function closeBlocks() {
  for (const { item, counters, cells, summary } of blocks.filter(Boolean)) {
    item.className = 'final';
    counters.textContent = summary;
    for (const span of cells.children) span.classList.remove('fresh');
  }
}

// ---- the answer

function show(chunk) {
  if (chunk.error) throw requestError(chunk);
  if (chunk.diffusion_step) {
    // A step of another block means that those before are final.
    if (!blocks[chunk.diffusion_step.block_index]) closeBlocks();
    drawStep(chunk.diffusion_step);
  }
  const choice = (chunk.choices || [])[0];
  if (choice) {
    element('answer').textContent += choice.delta?.content ?? '';
    if (choice.finish_reason) {
      element('progress').textContent = choice.finish_reason === 'length' ? 'the answer was cut at max tokens' : '';
    }
  }
  if (chunk.usage) {
    const { completion_tokens: tokens, diffusion } = chunk.usage;
    element('result').textContent = `${count(tokens, 'token')} in ${count(diffusion.steps, 'step')}: `
      + `${diffusion.tokens_per_forward.toFixed(2)} tokens per forward pass`;
  }
}

function pauseAfterStep(signal) {
  const millis = Math.min(5000, Number(element('pause').value));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, millis);
    signal.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}

// Events are separated by a blank line; a chunk of bytes may end anywhere.
async function readEvents(response, signal) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error('the answer broke off before its end');
    pending += value;
    const events = pending.split('\n\n');
    pending = events.pop();
    for (const event of events) {
      if (!event.startsWith('data: ')) continue;
      if (event === 'data: [DONE]') return;
      const chunk = JSON.parse(event.slice(6));
      show(chunk);
      if (chunk.diffusion_step) await pauseAfterStep(signal);
    }
  }
}

function requestError(body) {
  const error = new Error(body.error.message);
  error.field = body.error.param;
  return error;
}

async function send(signal) {
  let response;
  try {
    response = await fetch('/v1/chat/completions', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request()), signal,
    });
  } catch (error) {
    throw signal.aborted ? error : new Error('the gateway does not answer: is it still running?');
  }
  if (!response.ok) {
    throw requestError(await response.json().catch(() => ({ error: { message: `status ${response.status}` } })));
  }
  try {
    await readEvents(response, signal);
  } catch (error) {
    // A TypeError is how browsers tell of a lost connection.
    throw error instanceof TypeError && !signal.aborted ? new Error('the connection broke off: is the gateway running?')
      : error;
  }
}

// ---- the form

function setRunning(controller) {
  const hadFocus = [element('go'), element('stop')].includes(document.activeElement);
  running = controller;
  element('go').disabled = controller !== null;
  element('stop').disabled = controller === null;
  if (hadFocus) element(controller ? 'stop' : 'go').focus(); // a disabled button would lose it to the page
}

function reset() {
  blocks = [];
  stepsTaken = 0;
  element('blocks').replaceChildren();
  element('answer').textContent = '';
  element('progress').textContent = 'waiting for the first step …';
  element('result').textContent = '';
  element('result').className = '';
  document.querySelectorAll('[aria-invalid]').forEach((field) => field.removeAttribute('aria-invalid'));
}

function showFailure(error) {
  element('progress').textContent = '';
  if (error.name === 'AbortError') {
    element('result').textContent = 'stopped';
    return;
  }
  element('result').className = 'error';
  element('result').textContent = error.message;
  const field = NUMBERS.includes(error.field) || error.field === 'remasking' ? element(error.field) : null;
  if (field) {
    element('settings').open = true;
    field.setAttribute('aria-invalid', 'true');
    field.focus();
  }
}

async function generate() {
  reset();
  const controller = new AbortController();
  setRunning(controller);
  try {
    await send(controller.signal);
    setRunning(null);
  } catch (error) {
    controller.abort(); // what may still come is not wanted
    setRunning(null);
    showFailure(error);
  } finally {
    closeBlocks();
  }
}

async function describeModel() {
  try {
    const body = await (await fetch('/v1/models')).json();
    if (body.error) throw new Error(body.error.message);
    const model = body.data[0];
    const defaults = model.default_settings;
    element('model').textContent = `${model.id}: context ${model.context_length}, blocks of ${model.block_length}`;
    for (const name of NUMBERS) element(name).placeholder = defaults[name] ?? element(name).placeholder;
    if (defaults.remasking) {
      element('remasking').options[0].textContent = `default (${defaults.remasking.replace('_', ' ')})`;
    }
  } catch (error) {
    element('model').textContent = `no model yet: ${error.message}`;
    setTimeout(describeModel, MODEL_RETRY_MS);
  }
}

element('form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (!running) generate();
});
// A wrong value in a closed drawer could not be shown by the browser.
element('form').addEventListener('invalid', () => { element('settings').open = true; }, true);
element('stop').addEventListener('click', () => running?.abort());
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) element('form').requestSubmit();
  if (event.key === 'Escape') running?.abort();
});
describeModel();
