using FedSpine.Engine;
using FedSpine.Engine.Tasks;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Reporting;

public sealed class SimulationConfigTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void Left_out_keys_have_their_defaults()
    {
        File.WriteAllText(_path, """{ "rounds": 3, "task": "causal-lm", "targetAccuracy": 0.9, /* why not */ "model": null, }""");
        Assert.Equal(new SimulationOptions { Rounds = 3, Task = TaskKind.CausalLm, TargetAccuracy = 0.9 }, SimulationConfig.Read(_path));
    }

    [Theory]
    [InlineData("""{ "round": 3 }""", "unknown key 'round'; there are model, data")]
    [InlineData("""{ "rounds": "three" }""", "rounds is \"three\"; expected a whole number")]
    [InlineData("""{ "rounds": 2.5 }""", "rounds is 2.5; expected a whole number")]
    [InlineData("""{ "rounds": null }""", "rounds is null; expected a whole number")]
    [InlineData("""{ "rounds": 99999999999 }""", "rounds is 99999999999; expected a whole number")]
    [InlineData("""{ "seed": -1 }""", "seed is -1; expected a whole number, not negative")]
    [InlineData("""{ "fleet": null }""", "fleet is null; expected a string")]
    [InlineData("""{ "alpha": "NaN" }""", "alpha is \"NaN\"; expected a number")]
    [InlineData("""{ "alpha": "Infinity" }""", "alpha is \"Infinity\"; expected a number")]
    [InlineData("""{ "task": "regression" }""", "task is \"regression\"; expected \"classification\" or \"causal-lm\"")]
    [InlineData("""{ "task": 1 }""", "task is 1; expected \"classification\" or \"causal-lm\"")]
    [InlineData("""{ "reference": 0 }""", "reference is 0; expected true or false")]
    [InlineData("""[]""", "expected a JSON object")]
    [InlineData("""{ "rounds": """, "not JSON: ")]
    [InlineData("", "not JSON: ")]
    [InlineData("""{ "rounds": 1, "rounds": 2 }""", "Duplicate property")]
    public void Bad_values_are_named(string json, string expected)
    {
        File.WriteAllText(_path, json);
        string message = Assert.Throws<InputException>(() => SimulationConfig.Read(_path)).Message;
        Assert.StartsWith(_path + ": ", message);
        Assert.Contains(expected, message);
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Equal("nowhere.json: no such file", Assert.Throws<InputException>(() => SimulationConfig.Read("nowhere.json")).Message);

    [Fact]
    public void The_command_to_repeat_names_what_differs() => Assert.Equal(
        "fedspine simulate --model 'my models/it'\\''s' --task causal-lm --target-sparsity 0.25 --lr 0.001 --no-reference --seed 9",
        RepeatCommand.For(new SimulationOptions
        {
            Model = "my models/it's", Task = TaskKind.CausalLm, TargetSparsity = 0.25, LearningRate = 0.001, Reference = false, Seed = 9,
        }));
}
