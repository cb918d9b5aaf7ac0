using CsCheck;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Formats;

/// <summary>Real files with bytes changed, inserted, removed: each loads or is refused in one line; nothing else may happen.</summary>
public sealed class FileMutations : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(1);

    public void Dispose() => _backend.Dispose();

    [Theory]
    [InlineData("roberta", "model.safetensors", 8 + 4424, 1000)]
    [InlineData("llama", "adapter_model.safetensors", 8 + 3448, 600)]
    [InlineData("roberta", "config.json", 469, 600)]
    [InlineData("llama", "config.json", 432, 600)]
    [InlineData("roberta", "adapter_config.json", 344, 600)]
    public void Mutations_load_or_are_refused(string name, string file, int interesting, int count)
    {
        using var folder = TempFolder.CopyOf(Golden.Case(name));
        Mutate(folder, file, interesting, count);
    }

    [Fact]
    public void Mutations_of_a_pruned_shape_load_or_are_refused()
    {
        using var folder = new TempFolder();
        using var whole = TinyModels.Random(_backend, TinyModels.Llama(ModelHead.CausalLm), Trainable.Adapter, TinyModels.Lora);
        using var pruned = ModelSurgery.Prune(whole, [new KeptGroups([2, 3], [1], [0, 3, 4, 8]), new KeptGroups([0, 1], [0], [1, 3])]);
        ModelFolder.Save(pruned, folder["m"], mergeAdapter: false);
        PeftAdapter.Save(pruned, folder["a"]);
        using var both = TempFolder.CopyOf(folder["m"]);
        foreach (string file in Directory.EnumerateFiles(folder["a"]))
            File.Copy(file, both[Path.GetFileName(file)]);
        Mutate(both, "config.json", (int)new FileInfo(both["config.json"]).Length, 600);
    }

    private void Mutate(TempFolder folder, string file, int interesting, int count)
    {
        byte[] whole = File.ReadAllBytes(folder[file]);
        int refused = 0;
        // What is most often special: structure, digits, extremes.
        var value = Gen.OneOf(Gen.Byte, Gen.Char["\"{}[],-90en\u00FF\0"].Select(c => (byte)c));
        var edit = Gen.Select(Gen.Int[0, interesting - 1], value, Gen.Int[0, 3]);
        edit.Array[1, 4].Sample(edits =>
        {
            var bytes = whole.ToList();
            foreach (var (at, to, kind) in edits)
            {
                int i = Math.Min(at, bytes.Count - 1);
                if (kind == 0)
                    bytes.Insert(i, to);
                else if (kind == 1)
                    bytes.RemoveRange(i, Math.Min(1 + to % 16, bytes.Count - i));
                else
                    bytes[i] = to;
                if (bytes.Count == 0)
                    break;
            }

            File.WriteAllBytes(folder[file], [.. bytes]);
            try
            {
                ModelFolder.Load(_backend, folder.Path, new LoadOptions { Adapter = folder.Path, Trainable = Trainable.Adapter }).Model.Dispose();
            }
            catch (InputException e)
            {
                Assert.DoesNotContain('\n', e.Message);
                refused++;
            }
        }, iter: count, threads: 1);
        Assert.True(refused > count / 4, $"only {refused} of {count} mutations were noticed");
    }
}
