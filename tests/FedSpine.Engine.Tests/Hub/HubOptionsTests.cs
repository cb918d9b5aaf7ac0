using FedSpine.Engine.Hub;

namespace FedSpine.Engine.Tests.Hub;

/// <summary>Settings out of the environment; the only tests that change it, one after the other.</summary>
public sealed class HubOptionsTests : IDisposable
{
    private static readonly string[] s_names = ["HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE", "HF_HOME", "FEDSPINE_HUB_CACHE", "XDG_CACHE_HOME"];

    private readonly string?[] _before = Array.ConvertAll(s_names, Environment.GetEnvironmentVariable);

    public HubOptionsTests() => Array.ForEach(s_names, name => Environment.SetEnvironmentVariable(name, null));

    public void Dispose()
    {
        for (int i = 0; i < s_names.Length; i++)
            Environment.SetEnvironmentVariable(s_names[i], _before[i]);
    }

    [Fact]
    public void Without_variables_the_defaults_hold()
    {
        var options = HubOptions.FromEnvironment();
        Assert.Equal((new Uri("https://huggingface.co"), null, false), (options.Endpoint, options.Token, options.Offline));
        Assert.EndsWith(Path.Combine(".cache", "fedspine", "hub"), options.Cache);
    }

    [Theory]
    [InlineData("HF_HOME", "/h", "/h/fedspine")]
    [InlineData("XDG_CACHE_HOME", "/x", "/x/fedspine/hub")]
    [InlineData("FEDSPINE_HUB_CACHE", "/f", "/f")]
    public void The_cache_is_where_it_is_said_to_be(string name, string value, string expected)
    {
        Environment.SetEnvironmentVariable(name, value);
        Assert.Equal(expected, HubOptions.FromEnvironment().Cache);
    }

    [Fact]
    public void Hugging_Faces_variables_are_read()
    {
        Environment.SetEnvironmentVariable("HF_ENDPOINT", "https://mirror.example/hf/");
        Environment.SetEnvironmentVariable("HF_TOKEN", " hf_x\n");
        Environment.SetEnvironmentVariable("HF_HUB_OFFLINE", "1");
        var options = HubOptions.FromEnvironment();
        Assert.Equal((new Uri("https://mirror.example/hf/"), "hf_x", true), (options.Endpoint, options.Token, options.Offline));
        Environment.SetEnvironmentVariable("HF_ENDPOINT", "mirror.example");
        Assert.Contains("HF_ENDPOINT is mirror.example, expected an http or https address", Assert.Throws<InputException>(HubOptions.FromEnvironment).Message);
    }
}
