using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;

namespace FedSpine.Engine.Tests.Models;

/// <summary>One folder of reference values: a model, an adapter, and what PyTorch computed for them in float64.</summary>
public sealed class GoldenCase : IDisposable
{
    /// <summary>The project's own cases, and every folder with expected values under FEDSPINE_GOLDEN.</summary>
    public static TheoryData<string> Folders
    {
        get
        {
            string own = Path.Combine(AppContext.BaseDirectory, "golden");
            string? more = Environment.GetEnvironmentVariable("FEDSPINE_GOLDEN");
            var roots = string.IsNullOrEmpty(more) ? [own] : new[] { own, more };
            return [.. roots.SelectMany(r => Directory.EnumerateFiles(r, "expected.safetensors", SearchOption.AllDirectories))
                .Select(f => Path.GetDirectoryName(f)!).Order(StringComparer.Ordinal)];
        }
    }

    private readonly SafetensorsFile _expected;

    public GoldenCase(string folder)
    {
        Folder = folder;
        _expected = SafetensorsFile.Open(Path.Combine(folder, "expected.safetensors"));
        var ids = _expected.ReadIntegers("input_ids");
        var mask = _expected.ReadIntegers("attention_mask");
        var shape = _expected["input_ids"].Shape;
        var (B, T) = ((int)shape[0], (int)shape[1]);
        Batch = new Batch(B, T) { B = B, T = T };
        for (int i = 0; i < B * T; i++)
        {
            Batch.Ids[i] = (int)ids[i];
            Batch.Lengths[i / T] += (int)mask[i];
        }

        if (Has("labels"))
        {
            var labels = _expected.ReadIntegers("labels");
            for (int b = 0; b < B; b++)
                Batch.Targets[b] = (int)labels[b];
            return;
        }

        for (int i = 0; i < B * T; i++)
            Batch.Targets[i] = i % T + 1 < Batch.Lengths[i / T] ? Batch.Ids[i + 1] : Batch.Ignore;
    }

    public string Folder { get; }

    public Batch Batch { get; }

    public IEnumerable<string> Names => _expected.Tensors.Keys.Order(StringComparer.Ordinal);

    public bool Has(string name) => _expected.Tensors.ContainsKey(name);

    public float[] this[string name] => _expected.ReadFloats(name);

    public Model Load(IComputeBackend backend, bool adapter, Trainable trainable = Trainable.None) =>
        ModelFolder.Load(backend, Folder, new LoadOptions { Adapter = adapter ? Folder : null, Trainable = trainable }).Model;

    /// <summary>Largest difference over rows that are not padding, relative to the largest expected logit.</summary>
    public double LogitError(string name, float[] actual)
    {
        var expected = this[name];
        Assert.Equal(expected.Length, actual.Length);
        bool perToken = !Has("labels");
        int C = expected.Length / (perToken ? Batch.B * Batch.T : Batch.B);
        double worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            int row = i / C;
            if (!perToken || row % Batch.T < Batch.Lengths[row / Batch.T])
                worst = Math.Max(worst, Math.Abs((double)expected[i] - actual[i]));
        }

        return worst / expected.Max(MathF.Abs);
    }

    public void Dispose() => _expected.Dispose();
}
