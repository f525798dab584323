"""Export and serve: one folder that answers without the code that made it.

A SavedModel holds the graph, the weights and the names of inputs and outputs. `tw.export` writes the next version of it
and has a fresh process compare its answers with the model's before the folder gets its name. Plain TensorFlow, in a
process that knows neither trainwise nor the training, then loads the folder and answers.
"""

import json
import subprocess
import sys
import tempfile

import drawing
import keras
import numpy as np

import trainwise as tw

# What a server does; it imports TensorFlow alone.
SERVER = """
import json, sys
import numpy as np, tensorflow as tf
folder, rows = sys.argv[1], json.load(sys.stdin)
answer = tf.saved_model.load(folder).signatures["serving_default"]
(name,) = answer.structured_input_signature[1]
(answers,) = answer(**{name: tf.constant(rows, "float32")}).values()
json.dump({"answers": np.array(answers, float).tolist(), "trainwise": "trainwise" in sys.modules}, sys.stdout)
"""


def main(epochs=10, asked=16, folder=None, picture=None):
    """Largest difference between the answers of the server and the model, what it had imported, and the proof."""
    splits = tw.data.load("digits")
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Rescaling(1 / 16), keras.layers.Flatten(), keras.layers.Dense(32, "relu")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = splits.train.x.reshape(-1, 8, 8, 1)
    model.fit(x, splits.train.y, epochs=epochs, verbose=0)

    rows = splits.validation.x.reshape(-1, 8, 8, 1)[:asked]
    with tempfile.TemporaryDirectory() as kept:
        report = tw.export(model, f"{folder or kept}/digits", rows, classes=splits.classes)
        run = [sys.executable, "-c", SERVER, report.path]
        served = subprocess.run(run, input=json.dumps(rows.tolist()), capture_output=True, text=True, check=True)
    told = json.loads(served.stdout)
    answers, own = np.array(told["answers"]), model.predict(rows, verbose=0)
    difference = float(np.abs(answers - own).max())

    shown = min(8, asked)
    titles = [f"served: {answer.argmax()}" for answer in answers[:shown]]
    figure, panels = drawing.panels(titles, columns=shown, height=1.6)
    for axes, digit in zip(panels, rows, strict=False):
        axes.imshow(digit[..., 0], cmap="gray_r")
        axes.set_axis_off()
    drawing.save(figure, __file__, picture)
    print(*report.proof, sep="\n")
    print(f"Plain TensorFlow in a fresh process gives the model's {asked} answers to within {difference:.0e}.")
    return {"difference": difference, "imported": told["trainwise"], "exported": report.max_difference}


if __name__ == "__main__":
    main()
