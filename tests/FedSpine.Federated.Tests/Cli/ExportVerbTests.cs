using System.Text.Json.Nodes;
using FedSpine.Cli;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Federated.Tests.Cli;

public sealed class ExportVerbTests : IDisposable
{
    private static readonly ModelSpec Decoder = new()
    {
        Family = ModelFamily.Llama, Head = ModelHead.CausalLm, Width = 16, VocabularySize = 270, MaxPositions = 32, Activation = Activation.Silu,
        Layers = [new LayerSpec(4, 2, 4, 32), new LayerSpec(2, 1, 4, 24)],
    };

    private readonly string _root = Directory.CreateTempSubdirectory("fedspine-export-").FullName;
    private readonly IComputeBackend _backend = HostBackend.Create(1);

    public ExportVerbTests()
    {
        using var model = Model.Create(_backend, Decoder, Trainable.Adapter, new LoraSpec(2, 4, LoraSpec.AllLinears));
        ModelInitializer.Initialize(model, 3);
        foreach (var linear in model.Layers.SelectMany(l => l.Linears))
            _backend.Upload<float>(linear.B!.Value, [.. Enumerable.Range(0, linear.B.Length).Select(i => (i % 7 - 3) * 0.1f)]);
        var trainer = new BytePairTrainer();
        trainer.Add("the red ball, the red ball");
        var vocabulary = trainer.Train(268);
        vocabulary.Save(In("model"));
        ModelFolder.Save(model, In("model"), mergeAdapter: false);
        PeftAdapter.Save(model, In("adapter"));
        ModelFolder.Save(model, In("merged"));
        using var encoder = Model.Create(_backend, Decoder with
        {
            Family = ModelFamily.Roberta, Head = ModelHead.MaskedLm, Activation = Activation.Gelu, PadId = 1, TypeVocabularySize = 1, Layers = [new LayerSpec(4, 4, 4, 32)],
        });
        ModelInitializer.Initialize(encoder, 4);
        vocabulary.Save(In("encoder"));
        ModelFolder.Save(encoder, In("encoder"));
    }

    public void Dispose()
    {
        _backend.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    private string In(string name) => Path.Combine(_root, name);

    private static CliRun Run(params string[] arguments) => CliRun.Of(
        (SimulateRun)((_, _, _, _, _, _) => throw new InvalidOperationException("a simulation was not asked for")), TestContext.Current.CancellationToken, ["export", .. arguments]);

    private float[] Weights(string path, string name)
    {
        using var model = ModelSource.Load(_backend, path).Model;
        var parameter = model.Parameters.Single(p => p.Name == name);
        var values = new float[parameter.Length];
        _backend.Download<float>(values, parameter.Value);
        return values;
    }

    [Fact]
    public void Gguf_by_the_ending_with_the_adapter_merged_and_back_to_a_folder()
    {
        var run = Run("--model", In("model"), "--adapter", In("adapter"), "--out", In("m.gguf"));
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("GGUF file, architecture deci, 20 tensors, f32", run.Out);
        Assert.Contains("in 2 layers: query heads 2 to 4, key-value heads 1 to 2, FFN width 24 to 32", run.Out);
        Assert.Contains("the adapter is merged into the weights", run.Out);

        run = Run("--model", In("m.gguf"), "--out", In("back"));
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("Hugging Face folder, f32", run.Out);
        foreach (string name in (string[])["model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.down_proj.weight"])
            Assert.Equal(Weights(In("merged"), name), Weights(In("back"), name));
        Assert.NotEqual(Weights(In("model"), "model.layers.1.mlp.down_proj.weight"), Weights(In("back"), "model.layers.1.mlp.down_proj.weight"));
        Assert.Equal(TextTokenizer.Load(In("model")).Encode("the red ball"), TextTokenizer.Load(In("back")).Encode("the red ball"));
    }

    [Fact]
    public void Json_tells_what_was_written()
    {
        var run = Run("--model", In("model"), "--out", In("m.bin"), "--format", "gguf", "--dtype", "q8_0", "--json");
        var json = JsonNode.Parse(run.Out)!.AsObject();
        Assert.Equal(["path", "format", "architecture", "dtype", "bytes", "parameters", "adapterMerged", "notQuantized", "layers"], json.Select(p => p.Key));
        Assert.Equal((In("m.bin"), "gguf", "deci", "q8_0", new FileInfo(In("m.bin")).Length, false),
            ((string?)json["path"], (string?)json["format"], (string?)json["architecture"], (string?)json["dtype"], (long)json["bytes"]!, (bool)json["adapterMerged"]!));
        Assert.Contains("blk.1.ffn_down.weight", json["notQuantized"]!.AsArray().Select(n => (string?)n)); // rows of 24
        Assert.Equal(24, (int)json["layers"]![1]!["ffnWidth"]!);
        Assert.True(GgufFile.Is(In("m.bin")));
    }

    [Fact]
    public void Encoders_are_written_as_folders_in_any_type()
    {
        var run = Run("--model", In("encoder"), "--out", In("half"), "--dtype", "bf16");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("bfloat16", File.ReadAllText(Path.Combine(In("half"), "config.json")));
        Assert.True(File.Exists(Path.Combine(In("half"), "vocab.json")));
        Assert.Contains("this is a Roberta model with a MaskedLm head: export it to hf", Run("--model", In("encoder"), "--out", In("e.gguf")).Line);
        Assert.False(File.Exists(In("e.gguf")));
    }

    [Theory]
    [InlineData("--out x", "--model is missing: give a Hugging Face folder, a GGUF file or hub:OWNER/NAME")]
    [InlineData("--model model", "--out is missing")]
    [InlineData("--model model --out adapter", "adapter exists already: give another --out")]
    [InlineData("--model model --out x --dtype q8_0", "--dtype q8_0 is for --format gguf; hf takes f32, f16 or bf16")]
    [InlineData("--model model --out x --dtype q4_0", "--dtype q4_0: expected f32 or f16 or bf16 or q8_0")]
    [InlineData("--model model --out x --format onnx", "--format onnx: expected hf or gguf")]
    [InlineData("--model nowhere --out x", "nowhere: no such folder")]
    [InlineData("--model model --adapter merged --out x", "adapter_config.json: no such file")]
    public void Bad_input_is_one_line_and_exit_code_2(string arguments, string expected)
    {
        string[] names = ["model", "adapter", "merged", "nowhere", "x"];
        var run = Run([.. arguments.Split(' ').Select(a => names.Contains(a) ? In(a) : a)]);
        Assert.Equal((2, ""), (run.Code, run.Out));
        Assert.Contains(expected, run.Line);
        Assert.False(Path.Exists(In("x")));
    }
}
