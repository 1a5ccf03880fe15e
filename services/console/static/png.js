// A picture to take away as PNG: the browser draws the very SVG the server wrote, twice as large.
const SCALE = 2;

async function drawn(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth * SCALE;
  canvas.height = image.naturalHeight * SCALE;
  const paper = canvas.getContext("2d");
  paper.fillStyle = "#fff";
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-png]");
  if (!link) return;
  event.preventDefault();
  const file = document.createElement("a");
  file.download = link.download;
  try {
    file.href = URL.createObjectURL(await drawn(link.href));
  } catch {
    location.assign(link.href); // the server says what is wrong
    return;
  }
  file.click();
  setTimeout(() => URL.revokeObjectURL(file.href), 60000);
});
