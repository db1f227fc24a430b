"""Loading and running INFACE's layouts, against a literal numpy restatement of the authors' arithmetic."""

import itertools
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from wail.errors import ModelError
from wail.inface.model import AGE, EXPRESSION, IDENTITY, load_model

N_VERTS = 11
ENCODERS = {"id_encoder": 32, "exp_encoder": 64, "age_encoder": 1}


def write_layers(file, group, widths, rng, relu_factor):
    for k, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        file[f"{group}/matrix_mults/item_{k}"] = rng.normal(size=(n_out, n_in)) / np.sqrt(n_in)
        file[f"{group}/biases/item_{k}"] = rng.normal(size=n_out)
    if relu_factor is not None:
        file[f"{group}/relu_factor"] = relu_factor


def write_autoencoder(path: Path, encoder_hidden=(20, 13), decoder_hidden=(17, 23), relu_factor=0.1, seed=0) -> Path:
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        file["latent_mean"], file["latent_std"] = rng.normal(size=97), rng.uniform(1, 5, size=97)
        file["mean_vertices"] = rng.normal(size=(N_VERTS, 3)) * 30
        file["triangles"] = rng.integers(0, N_VERTS, (7, 3))
        for name, size in ENCODERS.items():
            write_layers(file, name, (3 * N_VERTS, *encoder_hidden, size), rng, relu_factor)
        write_layers(file, "decoder", (97, *decoder_hidden, 3 * N_VERTS), rng, relu_factor)
    return path


def literal_layers(file, group):
    n = len(file[group]["matrix_mults"])
    factor = file[group]["relu_factor"][()] if "relu_factor" in file[group] else 0.2
    return [(file[group][f"matrix_mults/item_{k}"][:], file[group][f"biases/item_{k}"][:]) for k in range(n)], factor


def literal_decode(path, latent):
    """One latent at a time, as the authors write it."""
    with h5py.File(path) as file:
        layers, factor = literal_layers(file, "decoder")
        x = np.array(latent)
        for k, (matrix, bias) in enumerate(layers):
            x = matrix @ x + bias
            if k < len(layers) - 1 and factor < 1:
                x[x < 0] *= factor
        return x.reshape(-1, 3) + file["mean_vertices"][:]


def literal_encode(path, vertices):
    with h5py.File(path) as file:
        parts = []
        for name in ENCODERS:
            layers, factor = literal_layers(file, name)
            x = (vertices - file["mean_vertices"][:]).flatten()
            for matrix, bias in layers:
                x = matrix @ x + bias
                if factor < 1:
                    x[x < 0] *= factor
            parts.append(x)
        return np.concatenate(parts)


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory) -> Path:
    return write_autoencoder(tmp_path_factory.mktemp("model") / "ae_model_disent.h5")


@pytest.mark.parametrize(
    ("encoder_hidden", "decoder_hidden", "relu_factor"),
    [((), (), 0.2), ((5,), (40,), 0.01), ((64, 32), (16, 8, 120), 0.2), ((9,), (256, 512), 1.0), ((9,), (12,), 1.5)],
)
def test_decode_and_encode_agree_with_the_authors_arithmetic(tmp_path, encoder_hidden, decoder_hidden, relu_factor):
    path = write_autoencoder(tmp_path / "m.h5", encoder_hidden, decoder_hidden, relu_factor, seed=len(decoder_hidden))
    model = load_model(path)
    rng = np.random.default_rng(1)
    latents, meshes = rng.normal(size=(6, 97)) * 20, rng.normal(size=(6, N_VERTS, 3)) * 40
    # Weights are stored and held as float32; the sums are in float64.
    decoded = model.decode(torch.from_numpy(latents)).numpy()
    encoded = model.encode(torch.from_numpy(meshes)).numpy()
    np.testing.assert_allclose(decoded, [literal_decode(path, z) for z in latents], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(encoded, [literal_encode(path, v) for v in meshes], rtol=1e-5, atol=1e-4)


def test_float64_sums_are_exact_for_weights_that_float32_holds(tmp_path):
    path = write_autoencoder(tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        file.visititems(
            lambda _, d: (
                d.write_direct(d[()].astype(np.float32).astype(d.dtype))
                if isinstance(d, h5py.Dataset) and d.shape and d.dtype.kind == "f"
                else None
            )
        )
    latent = np.random.default_rng(2).normal(size=97) * 20
    got = load_model(path).decode(torch.from_numpy(latent)).numpy()
    np.testing.assert_allclose(got, literal_decode(path, latent), rtol=0, atol=1e-11)


def test_a_missing_relu_factor_means_one_fifth(tmp_path):
    path = write_autoencoder(tmp_path / "m.h5", relu_factor=None)
    assert load_model(path).decoder_layers()[2] == 0.2
    latent = np.full(97, -3.0)
    np.testing.assert_allclose(
        load_model(path).decode(torch.from_numpy(latent)), literal_decode(path, latent), atol=1e-4
    )


def test_eleven_layers_are_taken_in_the_order_of_their_numbers(tmp_path):
    path = write_autoencoder(tmp_path / "m.h5", decoder_hidden=(6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
    latent = np.random.default_rng(3).normal(size=97)
    np.testing.assert_allclose(
        load_model(path).decode(torch.from_numpy(latent)), literal_decode(path, latent), atol=1e-4
    )


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3)])
def test_any_batch_shape_and_any_choice_of_vertices(autoencoder, shape):
    model = load_model(autoencoder)
    latents = torch.randn(*shape, 97, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = model.decode(latents)
    assert whole.shape == (*shape, N_VERTS, 3)
    chosen = torch.tensor([7, 0, 7, 3])
    torch.testing.assert_close(model.decode(latents, chosen), whole[..., chosen, :])
    assert model.encode(whole).shape == (*shape, 97)


def test_the_decoder_is_differentiable(autoencoder):
    model = load_model(autoencoder)
    latent = torch.randn(97, generator=torch.Generator().manual_seed(4), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: model.decode(z, torch.tensor([2, 5])), latent)


def test_decoder_layers_hold_the_mean_vertices(autoencoder):
    model = load_model(autoencoder)
    weights, biases, slope = model.decoder_layers()
    latents = torch.randn(3, 97, generator=torch.Generator().manual_seed(5))
    x = latents
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        x = torch.nn.functional.leaky_relu(x @ weight.T + bias, slope)
    torch.testing.assert_close(
        (x @ weights[-1].T + biases[-1]).reshape(3, -1, 3), model.decode(latents), rtol=1e-4, atol=1e-3
    )


def test_slices_cover_the_latent():
    assert [*range(97)[IDENTITY], *range(97)[EXPRESSION], *range(97)[AGE]] == list(range(97))


def test_names_hash_and_kind(autoencoder):
    model = load_model(autoencoder)
    assert (model.kind, model.is_stand_in, model.is_disentangled) == ("autoencoder", False, True)
    assert model.name == "autoencoder ae_model_disent"
    assert len(model.sha256) == 64 and model.triangles.dtype == torch.int64


def test_moved_to_a_device_it_decodes_the_same(autoencoder):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, latents = load_model(autoencoder), torch.ones(2, 97)
    torch.testing.assert_close(
        model.to(device).decode(latents.to(device)).cpu(), model.decode(latents), rtol=1e-4, atol=1e-3
    )


def write_pca(path: Path, n_components: int) -> Path:
    rng = np.random.default_rng(6)
    with h5py.File(path, "w") as file:
        file["mean_vertices"] = rng.normal(size=(60, 3))
        file["triangles"] = rng.integers(0, 60, (9, 3))
        file["components"] = np.linalg.qr(rng.normal(size=(180, n_components)))[0].T
        file["eigenvalues"] = np.sort(rng.uniform(1, 90, n_components))[::-1]
    return path


@pytest.mark.parametrize("n_components", [12, 97, 130])
def test_pca_decodes_scores_times_components_plus_mean(tmp_path, n_components):
    path = write_pca(tmp_path / "pca_model.h5", n_components)
    model = load_model(path)
    kept = min(n_components, 97)
    with h5py.File(path) as file:
        components, mean, eigenvalues = file["components"][:], file["mean_vertices"][:], file["eigenvalues"][:]
    scores = np.zeros(97)
    scores[:kept] = np.random.default_rng(7).normal(size=kept) * 9
    expected = (scores[:kept] @ components[:kept]).reshape(-1, 3) + mean
    np.testing.assert_allclose(model.decode(torch.from_numpy(scores)), expected, atol=1e-5)
    np.testing.assert_allclose(model.encode(torch.from_numpy(expected)), scores, atol=1e-4)
    np.testing.assert_allclose(model.latent_std[:kept], np.sqrt(eigenvalues[:kept]), rtol=1e-6)
    assert model.kind == "pca" and not model.is_disentangled


def test_missing_components_of_a_small_pca_move_nothing(tmp_path):
    model = load_model(write_pca(tmp_path / "pca_model.h5", 12))
    latent = torch.zeros(97)
    latent[12:] = 5
    torch.testing.assert_close(model.decode(latent), model.mean_verts_mm)
    assert bool((model.latent_std > 0).all())


def replace_with(key, value):
    def change(file):
        del file[key]
        if value is not None:
            file[key] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (replace_with("latent_mean", None), ["latent_mean", "layout"]),
        (replace_with("latent_std", np.ones(96)), ["latent_std", "(97)", "(96,)"]),
        (replace_with("latent_std", np.zeros(97)), ["latent_std", "positive"]),
        (replace_with("mean_vertices", np.ones((4, 2))), ["mean_vertices", "(any, 3)", "(4, 2)"]),
        (replace_with("triangles", np.full((2, 3), 50)), ["triangles", "11 vertices", "50"]),
        (replace_with("exp_encoder", None), ["exp_encoder/matrix_mults", "layout"]),
        (replace_with("decoder/biases/item_0", None), ["decoder", "as many biases"]),
        (
            replace_with("decoder/matrix_mults/item_1", np.ones((23, 18))),
            ["decoder/matrix_mults/item_1", "(any, 17)", "(23, 18)"],
        ),
        (
            replace_with("decoder/matrix_mults/item_2", np.ones((30, 23))),
            ["decoder/matrix_mults/item_2", "(33, 23)", "(30, 23)"],
        ),
        (replace_with("id_encoder/biases/item_2", np.ones(31)), ["id_encoder/biases/item_2", "(32)", "(31,)"]),
        (replace_with("age_encoder/biases/item_0", np.full(20, np.nan)), ["age_encoder/biases/item_0", "not finite"]),
        (replace_with("decoder/relu_factor", "0.2"), ["decoder/relu_factor", "one number"]),
        (replace_with("decoder/relu_factor", np.nan), ["decoder/relu_factor", "one number", "nan"]),
        (replace_with("decoder/relu_factor", np.ones(3)), ["decoder/relu_factor", "one number"]),
        (replace_with("decoder/relu_factor", -1.0), ["decoder/relu_factor", "0 or more", "-1"]),
    ],
)
def test_a_wrong_file_is_refused_with_key_and_shapes(tmp_path, change, words):
    path = write_autoencoder(tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_plain_autoencoder_is_refused(tmp_path):
    path = write_autoencoder(tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        for name in ENCODERS:
            del file[name]
        write_layers(file, "encoder", (33, 97), np.random.default_rng(0), 0.2)
    with pytest.raises(ModelError, match="plain autoencoder"):
        load_model(path)


def test_a_pca_with_components_of_another_size_is_refused(tmp_path):
    path = write_pca(tmp_path / "p.h5", 12)
    with h5py.File(path, "r+") as file:
        replace_with("components", np.ones((12, 177)))(file)
    with pytest.raises(ModelError, match=r"components .* \(12, 180\) but has shape \(12, 177\)"):
        load_model(path)


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(ModelError, match="there is no model file"):
        load_model(tmp_path / "nothing.h5")
    (tmp_path / "text.h5").write_text("not a model")
    with pytest.raises(ModelError, match="cannot be read as HDF5"):
        load_model(tmp_path / "text.h5")


def test_wrong_latents_and_meshes_are_refused(autoencoder):
    model = load_model(autoencoder)
    with pytest.raises(ValueError, match=r"latent must have shape \(\.\.\., 97\) but has shape \(2, 96\)"):
        model.decode(torch.zeros(2, 96))
    with pytest.raises(ValueError, match=r"verts_mm must have shape \(\.\.\., 11, 3\)"):
        model.encode(torch.zeros(12, 3))
