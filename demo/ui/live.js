// The camera, one JPEG after the other to this page's own server, and the swapped ones on the canvas. Runs once the stage is
// there; `element`, `props` and `watch` are those of Gradio's HTML component. `props.value.key` names the face made ready.
const LANES = 2; // pictures under way: one is on the wire or in the browser while the other is swapped
const LONGEST_PX = 640; // larger pictures only take longer to send
const QUALITY = 0.85;
const AGAIN_MS = 1000; // until the server is asked again: others come first, or there is no face yet
const OK = 200, LATER = 202;
const camera = { video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: 'user' }, audio: false };

const stage = element.querySelector('.live-stage');
const [own, shown] = stage.querySelectorAll('canvas');
const said = element.querySelector('#live-stats');
const encoder = own.getContext('2d', { willReadFrequently: true, alpha: false });
const screen = shown.getContext('bitmaprenderer');
let run = null; // what one press on Start began

const say = (text) => { if (said.textContent !== text) said.textContent = text; };
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const key = () => (props.value && props.value.key) || '';

function stop(why = '') {
    if (!run) return;
    for (const track of run.stream.getTracks()) track.stop();
    run.video.srcObject = null;
    run.asked.abort();
    run = null;
    stage.dataset.state = '';
    delete stage.dataset.shows;
    say(why);
}

async function start() {
    stop();
    stage.dataset.state = 'asking';
    try {
        const stream = await navigator.mediaDevices.getUserMedia(camera);
        const video = Object.assign(document.createElement('video'), { muted: true, playsInline: true, srcObject: stream });
        run = { stream, video, asked: new AbortController(), sent: 0, seen: 0 };
        stream.getVideoTracks()[0].addEventListener('ended', () => stop());
        await video.play();
    } catch (refused) {
        console.warn('camera', refused);
        stop();
        stage.dataset.state = 'refused';
        return;
    }
    stage.dataset.state = 'running';
    for (let lane = 0; lane < LANES; lane += 1) go(run);
}

// Wait for a picture that was not sent before. A page that is hidden gets none and sends none.
const next = ({ video }) => new Promise((resolve) => {
    if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
});

async function go(mine) {
    try {
        while (run === mine) {
            await next(mine);
            if (run !== mine) return;
            if (!stage.checkVisibility()) return stop(); // another tab was opened
            await swapOne(mine);
        }
    } catch (failed) {
        if (run !== mine) return;
        console.warn('live', failed);
        stop(String(failed.message || failed));
    }
}

async function swapOne(mine) {
    const { videoWidth, videoHeight } = mine.video;
    const scale = Math.min(1, LONGEST_PX / Math.max(videoWidth, videoHeight));
    const width = Math.round(videoWidth * scale), height = Math.round(videoHeight * scale);
    if (own.width !== width || own.height !== height) Object.assign(own, { width, height });
    encoder.setTransform(-1, 0, 0, 1, width, 0); // as one sees oneself
    encoder.drawImage(mine.video, 0, 0, width, height);
    const number = mine.sent += 1;
    const jpeg = await new Promise((resolve) => own.toBlob(resolve, 'image/jpeg', QUALITY));
    const headers = { 'content-type': 'image/jpeg', 'x-live-key': key() };
    const answer = await fetch('live/picture', { method: 'POST', body: jpeg, headers, signal: mine.asked.signal });
    if (answer.status === OK) {
        const picture = await createImageBitmap(await answer.blob());
        if (run !== mine || number < mine.seen) return picture.close();
        mine.seen = number;
        screen.transferFromImageBitmap(picture);
        stage.dataset.shows = 'swapped';
        return say(decodeURIComponent(answer.headers.get('x-live-said')));
    }
    const { detail } = await answer.json();
    if (run !== mine) return;
    if (answer.status !== LATER) return stop(detail);
    say(detail);
    await pause(AGAIN_MS);
}

element.addEventListener('live-start', start);
element.addEventListener('live-stop', () => stop());
