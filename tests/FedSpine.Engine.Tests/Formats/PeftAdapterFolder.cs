using System.Text.Json.Nodes;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Formats;

public sealed class PeftAdapterFolder : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(1);
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<string, string> Saved => new()
    {
        { "roberta", "Query Key Value Output Up Down" },
        { "roberta", "Query Value" },
        { "roberta", "Down" },
        { "roberta", "Output" },
        { "bert", "Up Down" },
        { "llama", "Query Key Value Output Gate Up Down" },
        { "llama", "Gate Down" },
        { "llama classifier", "Query Value" },
        { "masked", "Query" },
    };

    [Theory]
    [MemberData(nameof(Saved))]
    public void Adapters_and_head_come_back(string kind, string roles)
    {
        var spec = kind switch
        {
            "roberta" => TinyModels.Roberta(ModelHead.SequenceClassification),
            "bert" => TinyModels.Bert(ModelHead.SequenceClassification),
            "llama" => TinyModels.Llama(ModelHead.CausalLm),
            "llama classifier" => TinyModels.Llama(ModelHead.SequenceClassification),
            _ => TinyModels.Roberta(ModelHead.MaskedLm),
        };
        LinearRole[] targets = [.. roles.Split(' ').Select(Enum.Parse<LinearRole>)];
        string own = $"{ModelNames.Layer(spec.Family, 1)}.{ModelNames.Linear(spec.Family, targets[0])}";
        var lora = new LoraSpec(3, 6, targets) { Overrides = new Dictionary<string, (int, float)> { [own] = (5, 2.5f) } };
        using var saved = TinyModels.Random(_backend, spec, Trainable.Adapter, lora, seed: 1);
        PeftAdapter.Save(saved, _folder["a"], "base");

        using var model = TinyModels.Random(_backend, spec, Trainable.Adapter, lora, seed: 2);
        using (var adapter = PeftAdapter.Open(_folder["a"], spec))
        {
            Assert.Equal((lora.Rank, lora.Alpha), (adapter.Lora.Rank, adapter.Lora.Alpha));
            Assert.Equal(targets, adapter.Lora.Targets);
            Assert.Equal(lora.Overrides, adapter.Lora.Overrides);
            adapter.LoadInto(model);
        }

        foreach (var parameter in saved.Parameters)
        {
            // The base is the second model's own; what is trained is the first's.
            Assert.Equal(parameter.Trainable, _backend.Read(parameter.Value).SequenceEqual(_backend.Read(model.Named(parameter.Name).Value)));
        }
    }

    [Fact]
    public void Names_are_those_that_Peft_writes()
    {
        using var golden = ModelFolder.Load(_backend, Golden.Case("llama"), new LoadOptions { Adapter = Golden.Case("llama") }).Model;
        PeftAdapter.Save(golden, _folder["a"]);
        Assert.Equal(File.ReadAllBytes(Path.Combine(Golden.Case("llama"), "adapter_model.safetensors")), File.ReadAllBytes(Path.Combine(_folder["a"], "adapter_model.safetensors")));
        var targets = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder["a"], "adapter_config.json")))!["target_modules"]!.AsArray().Select(n => n!.GetValue<string>());
        Assert.Equal(["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"], targets.Order(StringComparer.Ordinal));

        using var classifier = TinyModels.Random(_backend, TinyModels.Bert(ModelHead.SequenceClassification), Trainable.Adapter, TinyModels.Lora);
        PeftAdapter.Save(classifier, _folder["b"]);
        using var file = SafetensorsFile.Open(Path.Combine(_folder["b"], "adapter_model.safetensors"));
        Assert.Equal(
            ["base_model.model.bert.pooler.dense.bias", "base_model.model.bert.pooler.dense.weight", "base_model.model.classifier.bias", "base_model.model.classifier.weight"],
            file.Tensors.Keys.Where(n => !n.Contains(".lora_")).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("roberta", "\"all-linear\"", "Query Key Value Output Up Down")]
    [InlineData("roberta", """["query","value"]""", "Query Value")]
    [InlineData("roberta", """["output.dense"]""", "Output Down")] // also the end of attention.output.dense
    [InlineData("roberta", """["attention.output.dense"]""", "Output")]
    [InlineData("roberta", "\".*attention.*(query|key)\"", "Query Key")]
    [InlineData("llama", """["q_proj","v_proj"]""", "Query Value")]
    [InlineData("llama", "\".*_proj\"", "Query Key Value Output Gate Up Down")]
    [InlineData("llama", """["model.layers.0.mlp.up_proj","layers.1.mlp.up_proj"]""", "Up")]
    public void Targets_match_as_in_Peft(string name, string targets, string roles)
    {
        var lora = Read(name, json => json["target_modules"] = JsonNode.Parse(targets));
        Assert.Equal(roles, string.Join(' ', lora.Targets));
    }

    [Fact]
    public void A_module_that_is_trained_whole_is_no_target()
    {
        void Edit(JsonObject json) => json["target_modules"] = new JsonArray("dense");
        Assert.Contains("target_modules matches classifier.dense", Refusal("roberta", Edit));
        var lora = Read("roberta", json =>
        {
            Edit(json);
            json["modules_to_save"] = new JsonArray("classifier", "score");
        });
        Assert.Equal([LinearRole.Output, LinearRole.Up, LinearRole.Down], lora.Targets);
    }

    [Fact]
    public void Patterns_change_rank_and_alpha_of_what_they_match()
    {
        var lora = Read("llama", json =>
        {
            json["rank_pattern"] = new JsonObject { ["layers.0.self_attn.q_proj"] = 2, ["mlp.up_proj"] = 8 };
            json["alpha_pattern"] = new JsonObject { ["layers.1.*.up_proj"] = 32 };
        });
        Assert.Equal(
            [("model.layers.0.mlp.up_proj", (8, 8f)), ("model.layers.0.self_attn.q_proj", (2, 8f)), ("model.layers.1.mlp.up_proj", (8, 32f))],
            lora.Overrides.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => (o.Key, o.Value)));
    }

    [Fact]
    public void Rank_stabilised_scale_is_alpha_over_the_root_of_the_rank()
    {
        var lora = Read("llama", json =>
        {
            json["use_rslora"] = true;
            json["rank_pattern"] = new JsonObject { ["layers.0.self_attn.q_proj"] = 16 };
        });
        Assert.Equal(8f / MathF.Sqrt(4), lora.Alpha / lora.Rank);
        var (rank, alpha) = Assert.Single(lora.Overrides).Value;
        Assert.Equal(8f / MathF.Sqrt(16), alpha / rank);
    }

    [Theory]
    [InlineData("peft_type", "\"LOHA\"", "peft_type is \"LOHA\", expected \"LORA\"")]
    [InlineData("peft_type", null, "peft_type is \"\"")]
    [InlineData("bias", "\"all\"", "bias is \"all\"")]
    [InlineData("use_dora", "true", "use_dora is true, which is not supported")]
    [InlineData("fan_in_fan_out", "true", "fan_in_fan_out is true")]
    [InlineData("lora_bias", "true", "lora_bias is true")]
    [InlineData("layers_to_transform", "[0]", "layers_to_transform is [0]")]
    [InlineData("layers_to_transform", "0", "layers_to_transform is 0")]
    [InlineData("layers_pattern", "\"layers\"", "layers_pattern is \"layers\"")]
    [InlineData("exclude_modules", """["q_proj"]""", "exclude_modules is [\"q_proj\"]")]
    [InlineData("target_parameters", """["x"]""", "target_parameters is [\"x\"]")]
    [InlineData("megatron_config", """{"a":1}""", "megatron_config is {\"a\":1}")]
    [InlineData("some_future_lora", "true", "some_future_lora is true")]
    [InlineData("init_lora_weights", "\"pissa_niter_4\"", "init_lora_weights is \"pissa_niter_4\"")]
    [InlineData("modules_to_save", """["embed_tokens"]""", "modules_to_save holds \"embed_tokens\"")]
    [InlineData("r", "0", "r is 0, expected an integer in [1, 16384]")]
    [InlineData("lora_alpha", "0", "lora_alpha is 0")]
    [InlineData("rank_pattern", """{"q_proj":0}""", "rank_pattern.q_proj is 0")]
    [InlineData("rank_pattern", """{"q_proj(":2}""", "rank_pattern is not a valid regular expression")]
    [InlineData("target_modules", "\"(\"", "target_modules is not a valid regular expression")]
    [InlineData("target_modules", """["c_attn"]""", "target_modules matches no linear layer")]
    [InlineData("target_modules", """["layers.1.mlp.up_proj"]""", "picks mlp.up_proj in 1 of 2 layers")]
    [InlineData("target_modules", """["q_proj","lm_head"]""", "target_modules matches lm_head")]
    [InlineData("target_modules", null, "target_modules is missing")]
    public void Refused(string field, string? value, string expected) =>
        Assert.Contains(expected, Refusal("llama", json => json[field] = value is null ? null : JsonNode.Parse(value)));

    [Fact]
    public void Tensors_that_do_not_fit_are_named()
    {
        var spec = ModelConfigReader.Read(Golden.Case("llama")).Spec;
        string Failure(Func<string, string?> rename, params TensorSource[] more)
        {
            File.Copy(Path.Combine(Golden.Case("llama"), "adapter_config.json"), _folder["adapter_config.json"], overwrite: true);
            using (var file = SafetensorsFile.Open(Path.Combine(Golden.Case("llama"), "adapter_model.safetensors")))
            using (var stream = File.Create(_folder["adapter_model.safetensors"]))
            {
                SafetensorsWriter.Write(stream, [.. file.Tensors.Values.Where(t => rename(t.Name) is not null)
                    .Select(t => TensorSource.Of(rename(t.Name)!, [.. t.Shape.Select(d => (int)d)], file.ReadFloats(t.Name))), .. more]);
            }

            return Assert.Throws<InputException>(() => ModelFolder.Load(_backend, Golden.Case("llama"), new LoadOptions { Adapter = _folder.Path })).Message;
        }

        const string Name = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight";
        Assert.Contains($"tensor {Name} [56, 4] is missing", Failure(n => n == Name ? null : n));
        Assert.Contains($"tensor {Name} is [4, 56], expected [56, 4]", Failure(n => n == Name ? null : n, TensorSource.Of(Name, [4, 56], new float[224])));
        Assert.Contains($"tensor {Name.Replace("up", "Up")} has no place", Failure(n => n, TensorSource.Of(Name.Replace("up", "Up"), [56, 4], new float[224])));
        Assert.Contains("tensor x does not begin with base_model.model.", Failure(n => n, TensorSource.Of("x", [1], [1])));
        Assert.Contains("holds adapter_model.bin but no adapter_model.safetensors", Missing());

        string Missing()
        {
            File.Move(_folder["adapter_model.safetensors"], _folder["adapter_model.bin"]);
            return Assert.Throws<InputException>(() => PeftAdapter.Open(_folder.Path, spec)).Message;
        }
    }

    [Fact]
    public void What_an_adapter_cannot_hold_is_not_saved_as_one()
    {
        using var plain = TinyModels.Random(_backend, TinyModels.Llama(ModelHead.CausalLm), Trainable.None);
        Assert.Contains("no adapters", Assert.Throws<FedSpineException>(() => PeftAdapter.Save(plain, _folder["a"])).Message);
        using var whole = TinyModels.Random(_backend, TinyModels.Llama(ModelHead.CausalLm), Trainable.All, TinyModels.Lora);
        Assert.Contains("save the model", Assert.Throws<FedSpineException>(() => PeftAdapter.Save(whole, _folder["a"])).Message);
        Assert.False(Directory.Exists(_folder["a"]));
    }

    private LoraSpec Read(string name, Action<JsonObject> edit)
    {
        using var copy = TempFolder.CopyOf(Golden.Case(name));
        var json = JsonNode.Parse(File.ReadAllText(copy["adapter_config.json"]))!.AsObject();
        edit(json);
        File.WriteAllText(copy["adapter_config.json"], json.ToJsonString());
        using var adapter = PeftAdapter.Open(copy.Path, ModelConfigReader.Read(copy.Path).Spec);
        return adapter.Lora;
    }

    private string Refusal(string name, Action<JsonObject> edit) => Assert.Throws<InputException>(() => Read(name, edit)).Message;
}
