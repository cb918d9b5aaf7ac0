using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Formats;

/// <summary>Checkpoints as people have them: other heads, other names, shards; and weights that are wrong.</summary>
public sealed class CheckpointVariants : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(1);
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("roberta", "classifier.dense.weight classifier.dense.bias classifier.out_proj.weight classifier.out_proj.bias", "lm_head.bias lm_head.dense.bias lm_head.dense.weight lm_head.layer_norm.bias lm_head.layer_norm.weight")]
    [InlineData("bert", "bert.pooler.dense.weight bert.pooler.dense.bias classifier.weight classifier.bias", "cls.predictions.bias cls.predictions.transform.LayerNorm.bias cls.predictions.transform.LayerNorm.weight cls.predictions.transform.dense.bias cls.predictions.transform.dense.weight")]
    [InlineData("llama", "score.weight", "")]
    public void A_language_model_gets_a_new_classifier(string family, string initialised, string ignored)
    {
        var spec = family switch { "roberta" => TinyModels.Roberta(ModelHead.MaskedLm), "bert" => TinyModels.Bert(ModelHead.MaskedLm), _ => TinyModels.Llama(ModelHead.CausalLm) };
        using var language = TinyModels.Random(_backend, spec, Trainable.None);
        ModelFolder.Save(language, _folder["m"]);
        var options = new LoadOptions { Head = ModelHead.SequenceClassification, Labels = ["bad", "good", "so so"], Trainable = Trainable.Adapter, Seed = 3 };
        var loaded = ModelFolder.Load(_backend, _folder["m"], options);
        using var model = loaded.Model;
        Assert.Equal(initialised.Split(' '), loaded.Initialised);
        Assert.Equal(ignored.Split(' ', StringSplitOptions.RemoveEmptyEntries), loaded.Ignored);
        Assert.Equal(options.Labels, model.Spec.Labels);
        Assert.Equal(_backend.Read(language.Layers[1].Down.Weight.Value), _backend.Read(model.Layers[1].Down.Weight.Value));
        var weights = _backend.Read(model.Head.Out.Weight.Value);
        Assert.Equal(3 * spec.Width, weights.Length);
        Assert.InRange(Math.Sqrt(weights.Average(w => (double)w * w)) / Math.Sqrt(2.0 / (5 * spec.Width)), 0.5, 1.5);
        if (model.Head.Out.Bias is not null)
            Assert.All(_backend.Read(model.Head.Out.Bias.Value), b => Assert.Equal(0, b));

        using var again = ModelFolder.Load(_backend, _folder["m"], options).Model;
        Assert.Equal(weights, _backend.Read(again.Head.Out.Weight.Value));
        using var other = ModelFolder.Load(_backend, _folder["m"], options with { Seed = 4 }).Model;
        Assert.NotEqual(weights, _backend.Read(other.Head.Out.Weight.Value));
    }

    [Fact]
    public void The_same_labels_keep_the_classifier_and_its_order()
    {
        var loaded = ModelFolder.Load(_backend, Golden.Case("roberta"), new LoadOptions { Labels = ["c", "a", "b"] });
        using var model = loaded.Model;
        Assert.Empty(loaded.Initialised);
        Assert.Equal(["a", "b", "c"], model.Spec.Labels);
    }

    [Fact]
    public void Placeholder_labels_take_the_given_names()
    {
        using var saved = TinyModels.Random(_backend, TinyModels.Roberta(ModelHead.SequenceClassification) with { Labels = ["LABEL_0", "LABEL_1"] }, Trainable.None);
        ModelFolder.Save(saved, _folder["m"]);
        var loaded = ModelFolder.Load(_backend, _folder["m"], new LoadOptions { Labels = ["no", "yes"] });
        using var model = loaded.Model;
        Assert.Empty(loaded.Initialised);
        Assert.Equal(["no", "yes"], model.Spec.Labels);
        Assert.Equal(_backend.Read(saved.Head.Out.Weight.Value), _backend.Read(model.Head.Out.Weight.Value));
    }

    [Fact]
    public void Other_labels_renew_only_the_last_layer()
    {
        var loaded = ModelFolder.Load(_backend, Golden.Case("roberta"), new LoadOptions { Labels = ["no", "yes"] });
        using var model = loaded.Model;
        Assert.Equal(["classifier.out_proj.weight", "classifier.out_proj.bias"], loaded.Initialised);
        Assert.Empty(loaded.Ignored);
        Assert.Equal(2, model.Head.Out.Out);
    }

    [Fact]
    public void Impossible_heads_and_labels_are_refused()
    {
        void Refuses(string name, LoadOptions options, string expected) =>
            Assert.Contains(expected, Assert.Throws<InputException>(() => ModelFolder.Load(_backend, Golden.Case(name), options)).Message);
        Refuses("llama", new LoadOptions { Head = ModelHead.MaskedLm }, "which has no MaskedLm head");
        Refuses("roberta", new LoadOptions { Head = ModelHead.CausalLm }, "which has no CausalLm head");
        Refuses("llama", new LoadOptions { Head = ModelHead.SequenceClassification }, "say which labels");
        Refuses("roberta", new LoadOptions { Labels = ["one"] }, "labels are [one], expected at least two");
        Refuses("roberta", new LoadOptions { Labels = ["one", "one"] }, "labels are [one, one]");
        Refuses("roberta", new LoadOptions { Lora = TinyModels.Lora with { Rank = 0 } }, "LoRA rank is 0");
        Refuses("roberta", new LoadOptions { Adapter = Golden.Case("roberta"), Lora = TinyModels.Lora }, "give one or the other");
    }

    [Theory]
    [InlineData("roberta")]
    [InlineData("llama")]
    public void Names_without_the_prefix_are_accepted(string name)
    {
        string prefix = name == "llama" ? "model." : "roberta.";
        Rewrite(name, t => t.StartsWith(prefix) ? t[prefix.Length..] : null);
        string config = File.ReadAllText(Path.Combine(Golden.Case(name), "config.json"));
        File.WriteAllText(_folder["config.json"], config.Replace("RobertaForSequenceClassification", "RobertaModel").Replace("LlamaForCausalLM", "LlamaModel"));
        Assert.EndsWith("say which head to add", Assert.Throws<InputException>(() => ModelFolder.Load(_backend, _folder.Path)).Message);
        var loaded = ModelFolder.Load(_backend, _folder.Path, new LoadOptions { Head = ModelHead.SequenceClassification, Labels = ["x", "y"] });
        using var model = loaded.Model;
        Assert.All(loaded.Initialised, n => Assert.True(n.StartsWith("classifier.") || n == "score.weight"));
        using var original = ModelFolder.Load(_backend, Golden.Case(name)).Model;
        Assert.Equal(_backend.Read(original.Layers[1].Key.Weight.Value), _backend.Read(model.Layers[1].Key.Weight.Value));
    }

    [Fact]
    public void Old_norm_names_and_leftovers_are_accepted()
    {
        Rewrite("roberta", t => t.Replace("LayerNorm.weight", "LayerNorm.gamma").Replace("LayerNorm.bias", "LayerNorm.beta"),
            [TensorSource.Of("roberta.embeddings.position_ids", [1, 3], [0, 1, 2]), TensorSource.Of("roberta.pooler.dense.weight", [2], [0, 1])]);
        var loaded = ModelFolder.Load(_backend, _folder.Path);
        using var model = loaded.Model;
        Assert.Equal(["roberta.pooler.dense.weight"], loaded.Ignored);
        using var original = ModelFolder.Load(_backend, Golden.Case("roberta")).Model;
        Assert.Equal(_backend.Read(original.Layers[0].FfnNorm.Value), _backend.Read(model.Layers[0].FfnNorm.Value));
    }

    [Fact]
    public void A_tensor_inside_the_blocks_that_the_engine_would_leave_out_is_refused()
    {
        Rewrite("llama", t => t, [TensorSource.Of("model.layers.0.self_attn.q_norm.weight", [8], new float[8])]);
        Refuses("tensor model.layers.0.self_attn.q_norm.weight has no place in the model");
    }

    [Fact]
    public void Missing_and_misshaped_tensors_are_named()
    {
        Rewrite("roberta", t => t.EndsWith("layer.1.output.dense.bias") ? null : t);
        Refuses("tensor roberta.encoder.layer.1.output.dense.bias [32] is missing");
        Rewrite("roberta", t => t.StartsWith("classifier.dense") ? null : t);
        Refuses("tensor classifier.dense.weight [32, 32] is missing");
        Rewrite("roberta", t => t.EndsWith("layer.1.output.dense.bias") ? null : t, [TensorSource.Of("roberta.encoder.layer.1.output.dense.bias", [1, 32], new float[32])]);
        Refuses("is [1, 32], expected [32]: it contradicts config.json");
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_weight_that_is_not_finite_is_named(float value)
    {
        Rewrite("llama", t => t);
        using (var file = SafetensorsFile.Open(_folder["model.safetensors"]))
        {
            byte[] bytes = File.ReadAllBytes(file.Path);
            long data = bytes.Length - file.Tensors.Values.Max(t => t.End);
            long at = data + file["model.layers.1.mlp.up_proj.weight"].Begin + 4 * (7 * 32 + 5);
            BitConverter.TryWriteBytes(bytes.AsSpan((int)at), value);
            File.WriteAllBytes(_folder["bad"], bytes);
        }

        File.Move(_folder["bad"], _folder["model.safetensors"], overwrite: true);
        Refuses($"tensor model.layers.1.mlp.up_proj.weight contains {value} at [7, 5]");
    }

    [Fact]
    public void Integer_weights_are_refused()
    {
        Rewrite("llama", t => t);
        // Same width, other type: the data still fits.
        string path = _folder["model.safetensors"];
        byte[] bytes = File.ReadAllBytes(path);
        "I32"u8.CopyTo(bytes.AsSpan(bytes.AsSpan().IndexOf("F32"u8)));
        File.WriteAllBytes(path, bytes);
        Refuses("dtype is I32, expected F32, F16 or BF16");
    }

    [Fact]
    public void A_tied_word_table_may_lie_under_the_heads_name()
    {
        Rewrite("llama", t => t == "lm_head.weight" ? null : t == "model.embed_tokens.weight" ? "lm_head.weight" : t);
        Refuses("tensor model.embed_tokens.weight [97, 32] is missing");
        string config = _folder["config.json"];
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true"));
        using var model = ModelFolder.Load(_backend, _folder.Path).Model;
        using var original = ModelFolder.Load(_backend, Golden.Case("llama")).Model;
        Assert.Same(model.Embeddings.Words, model.Head.Out.Weight);
        Assert.Equal(_backend.Read(original.Embeddings.Words.Value), _backend.Read(model.Embeddings.Words.Value));
    }

    [Fact]
    public void A_tensor_in_two_shards_is_refused()
    {
        Shard();
        WriteTensors("llama", "model-00002-of-00002.safetensors", n => n.Contains("layers.1.") || n == "model.norm.weight" ? n : null, []);
        Refuses("tensor model.norm.weight is also in");
    }

    [Fact]
    public void Shards_are_put_together()
    {
        Shard();
        using var model = ModelFolder.Load(_backend, _folder.Path).Model;
        using var original = ModelFolder.Load(_backend, Golden.Case("llama")).Model;
        foreach (var parameter in original.Parameters)
            Assert.Equal(_backend.Read(parameter.Value), _backend.Read(model.Named(parameter.Name).Value));
    }

    [Theory]
    [InlineData("model-00002-of-00002.safetensors\"", "model-00009-of-00002.safetensors\"", "model-00009-of-00002.safetensors: no such file")]
    [InlineData("model-00002-of-00002.safetensors\"", "../x.safetensors\"", "is \"../x.safetensors\", expected the name of a file beside the index")]
    [InlineData("model-00002-of-00002.safetensors\"", "/etc/passwd\"", "expected the name of a file beside the index")]
    [InlineData("model-00002-of-00002.safetensors\"", "model-00001-of-00002.safetensors\"", "tensor model.layers.1.input_layernorm.weight is not in model-00001-of-00002.safetensors")]
    [InlineData("\"model-00002-of-00002.safetensors\"", "5", "is 5, expected a string")]
    [InlineData("weight_map", "weights", "weight_map is missing")]
    public void A_lying_index_is_refused(string from, string to, string expected)
    {
        Shard();
        string index = _folder["model.safetensors.index.json"];
        File.WriteAllText(index, File.ReadAllText(index).Replace(from, to));
        Refuses(expected);
    }

    private void Refuses(string expected) =>
        Assert.Contains(expected, Assert.Throws<InputException>(() => ModelFolder.Load(_backend, _folder.Path)).Message);

    /// <summary>A golden checkpoint with renamed (null: dropped) and added tensors.</summary>
    private void Rewrite(string name, Func<string, string?> rename, TensorSource[]? more = null)
    {
        File.Copy(Path.Combine(Golden.Case(name), "config.json"), _folder["config.json"], overwrite: true);
        WriteTensors(name, "model.safetensors", rename, more ?? []);
    }

    private void WriteTensors(string name, string to, Func<string, string?> rename, TensorSource[] more)
    {
        using var file = SafetensorsFile.Open(Path.Combine(Golden.Case(name), "model.safetensors"));
        using var stream = File.Create(_folder[to]);
        SafetensorsWriter.Write(stream, [.. file.Tensors.Values.Where(t => rename(t.Name) is not null)
            .Select(t => TensorSource.Of(rename(t.Name)!, [.. t.Shape.Select(d => (int)d)], file.ReadFloats(t.Name))), .. more]);
    }

    private void Shard()
    {
        File.Copy(Path.Combine(Golden.Case("llama"), "config.json"), _folder["config.json"], overwrite: true);
        static bool Second(string name) => name.Contains("layers.1.");
        WriteTensors("llama", "model-00001-of-00002.safetensors", n => Second(n) ? null : n, []);
        WriteTensors("llama", "model-00002-of-00002.safetensors", n => Second(n) ? n : null, []);
        using var file = SafetensorsFile.Open(Path.Combine(Golden.Case("llama"), "model.safetensors"));
        var map = file.Tensors.Keys.Select(n => $"\"{n}\": \"model-0000{(Second(n) ? 2 : 1)}-of-00002.safetensors\"");
        File.WriteAllText(_folder["model.safetensors.index.json"], $"{{\"metadata\": {{\"total_size\": 1}}, \"weight_map\": {{{string.Join(", ", map)}}}}}");
    }
}
