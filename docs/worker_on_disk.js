// Browsers start no worker for a page on the disk. The search then runs in a hidden frame, which is told that it is one
// by `IFrameWorker`: Material's search looks for that name, and for its own address in the first script of the frame.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.appendChild(frame)
      this.inside = frame.contentWindow
      const page = this.inside.document
      page.open()
      // Answers come out as messages of this object; scripts that the search asks for are loaded one after another.
      this.inside.postMessage = data => {
        const event = new MessageEvent("message", { data })
        this.dispatchEvent(event)
        if (this.onmessage) this.onmessage(event)
      }
      this.inside.importScripts = (...urls) =>
        urls.reduce(
          (before, one) =>
            before.then(
              () =>
                new Promise((done, failed) => {
                  const script = page.createElement("script")
                  script.src = one
                  script.onload = done
                  script.onerror = failed
                  page.body.appendChild(script)
                })
            ),
          Promise.resolve()
        )
      this.ready = new Promise(done => (this.inside.workerIsReady = done))
      page.write(`<body><script src="${url}" onload="workerIsReady()"></` + "script></body>")
      page.close()
    }

    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data })))
    }

    terminate() {
      this.inside.frameElement.remove()
    }
  }
  window.Worker = window.IFrameWorker
}
