using FedSpine.Engine.Formats;
using FedSpine.Engine.Text;
using FedSpine.Engine.Training;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Training;

public sealed class GreedyText
{
    [Fact]
    public void A_trained_llama_tells_its_story()
    {
        const string Expected = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
            + "One day, she saw a big, red ball. She wanted to play with it, but it was too high";
        string folder = Golden.Shared("models", "stories260K");
        using var backend = HostBackend.Create(1);
        using var model = ModelFolder.Load(backend, folder).Model;
        var tokenizer = TextTokenizer.Load(folder);
        using var inference = new Inference(model, 1, 128);
        var ids = new List<int> { model.Spec.BosId!.Value };
        while (ids.Count < 128 && !tokenizer.Decode([.. ids.Skip(1)]).StartsWith(Expected, StringComparison.Ordinal))
            ids.Add(inference.NextToken(ids.ToArray()));
        Assert.StartsWith(Expected, tokenizer.Decode([.. ids.Skip(1)]));
    }
}
