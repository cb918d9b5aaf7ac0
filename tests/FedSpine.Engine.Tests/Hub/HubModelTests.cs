using System.Text;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Hub;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Hub;

/// <summary>Downloads from a server that this test starts, and that cuts, lies, redirects and refuses.</summary>
public sealed class HubModelTests : IDisposable
{
    private static readonly HubReference s_model = HubReference.Parse("hub:o/n");

    private readonly HubServer _server = new();
    private readonly TempFolder _folder = new();
    private readonly List<string> _notes = [];

    public HubModelTests()
    {
        foreach (string name in (string[])["config.json", "model.safetensors"])
            _server.Files[name] = (File.ReadAllBytes(Path.Combine(Golden.Case("llama"), name)), name.EndsWith(".safetensors"));
        _server.Files["tokenizer_config.json"] = ("{}"u8.ToArray(), false);
        foreach (string other in (string[])["README.md", "pytorch_model.bin", "modeling_x.py", "../escape.json"])
            _server.Files[other] = ([1, 2, 3], false);
    }

    private string Part => _folder[$"cache/o/n/{HubServer.Commit}/n/model.safetensors.part"];

    private HubOptions Options => new()
    {
        Endpoint = _server.Address, Token = "hf_secret", Cache = _folder["cache"], Attempts = 3, FirstWait = TimeSpan.FromMilliseconds(1), Stall = TimeSpan.FromSeconds(20),
    };

    public void Dispose()
    {
        _server.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_whole_model_is_downloaded_once()
    {
        var progress = new List<HubProgress>();
        var model = await GetAsync(s_model, Options, progress.Add);
        Assert.Equal(HubServer.Commit, model.Reference.Revision);
        Assert.Equal(["config.json", "model.safetensors", "tokenizer_config.json"], Files(model));
        using var backend = HostBackend.Create(1);
        ModelFolder.Load(backend, model.Folder).Model.Dispose();
        Assert.Equal(_server.Files["model.safetensors"].Content, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
        Assert.Equal(progress[^1].Size, progress[^1].Received);

        int requests = _server.Requests.Count;
        await GetAsync(s_model, Options);
        Assert.Equal(requests + 1, _server.Requests.Count); // which commit main is
        await GetAsync(model.Reference, Options);
        Assert.Equal(requests + 1, _server.Requests.Count); // a commit is what it is
    }

    [Fact]
    public async Task A_cut_connection_goes_on_where_it_ended()
    {
        byte[] content = _server.Files["model.safetensors"].Content;
        _server.Instead = (request, before) => request.Path.StartsWith("/cdn/") && before < 6 ? _server.Usual(request) with { CutAfter = 5000 } : null;
        var model = await DownloadAsync(); // more cuts than tries: each got further
        Assert.Equal(content, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
        var ranges = _server.Requests.Where(r => r.Path.StartsWith("/cdn/")).Select(r => r["range"]).ToArray();
        Assert.Equal([null, .. Enumerable.Range(1, 6).Select(i => $"bytes={5000 * i}-")], ranges);
        Assert.Equal(6, _notes.Count(n => n.Contains("trying again")));
    }

    [Fact]
    public async Task An_interrupted_download_is_continued_by_the_next()
    {
        using var interrupt = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => HubModel.DownloadAsync(s_model, Options, p =>
        {
            if (p.File == "model.safetensors")
                interrupt.Cancel();
        }, interrupt.Token));
        Assert.True(new FileInfo(Part).Length > 0);
        File.WriteAllBytes(Part, _server.Files["model.safetensors"].Content[..777]);
        await DownloadAsync();
        Assert.Equal("bytes=777-", _server.Requests.Last(r => r.Path.StartsWith("/cdn/"))["range"]);
        Assert.False(File.Exists(Part));
    }

    [Theory]
    [InlineData(500, "the part that was there is damaged")]   // other bytes than the file begins with
    [InlineData(10_000_000, "")]                               // longer than the file
    public async Task A_damaged_part_is_received_anew(int length, string note)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Part)!);
        File.WriteAllBytes(Part, new byte[length]);
        var model = await DownloadAsync();
        Assert.Equal(_server.Files["model.safetensors"].Content, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
        Assert.Contains(_notes.Append(""), n => n.Contains(note));
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_starts_again()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Part)!);
        File.WriteAllBytes(Part, new byte[500]);
        _server.Instead = (request, _) => request.Path.StartsWith("/cdn/") ? new HubReply(200, _server.Files["model.safetensors"].Content) : null;
        var model = await DownloadAsync();
        Assert.Equal(_server.Files["model.safetensors"].Content, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
    }

    [Theory]
    [InlineData("model.safetensors", "/cdn/")]
    [InlineData("config.json", "/o/n/resolve/")]
    public async Task A_wrong_checksum_is_refused(string name, string path)
    {
        _server.Instead = (request, _) =>
        {
            if (!request.Path.StartsWith(path) || !request.Path.EndsWith(name))
                return null;
            byte[] damaged = [.. _server.Files[name].Content];
            damaged[100] ^= 1;
            return _server.Usual(request) with { Content = damaged };
        };
        var error = await Assert.ThrowsAsync<FedSpineException>(DownloadAsync);
        Assert.Contains($"hub:o/n@{HubServer.Commit} {name}: what was received has another checksum", error.Message);
        Assert.Empty(Directory.EnumerateFiles(Path.GetDirectoryName(Part)!, $"{name}*"));
    }

    [Theory]
    [InlineData(40, "announces")]           // less is resumed, and ends after all
    [InlineData(100_000_000, "announces 100000000 bytes")]
    [InlineData(-1, "")]                     // none at all
    public async Task A_lying_content_length_is_noticed(long said, string expected)
    {
        _server.Instead = (request, before) => request.Path.StartsWith("/cdn/") && before == 0 ? _server.Usual(request) with { SaidLength = said } : null;
        if (said < 1000)
        {
            var model = await DownloadAsync();
            Assert.Equal(_server.Files["model.safetensors"].Content, File.ReadAllBytes(Path.Combine(model.Folder, "model.safetensors")));
            return;
        }

        Assert.Contains(expected, (await Assert.ThrowsAsync<FedSpineException>(DownloadAsync)).Message);
    }

    [Fact]
    public async Task More_bytes_than_the_file_has_are_not_written()
    {
        _server.Instead = (request, _) => request.Path.StartsWith("/cdn/") ? new HubReply(200, new byte[1_000_000]) { SaidLength = -1 } : null;
        Assert.Contains("sends more than the", (await Assert.ThrowsAsync<FedSpineException>(DownloadAsync)).Message);
        Assert.True(new FileInfo(Part).Length <= _server.Files["model.safetensors"].Content.Length);
    }

    [Fact]
    public async Task The_token_goes_to_the_endpoint_only()
    {
        using var cdn = new HubServer();
        foreach (var (name, file) in _server.Files)
            cdn.Files[name] = file;
        _server.Cdn = cdn.Address;
        await DownloadAsync();
        Assert.All(_server.Requests, r => Assert.Equal("Bearer hf_secret", r["authorization"]));
        Assert.Single(cdn.Requests);
        Assert.All(cdn.Requests, r => Assert.Null(r["authorization"]));
    }

    [Fact]
    public async Task A_renamed_repository_is_followed_and_a_circle_is_not()
    {
        _server.Instead = (request, _) => request.Path.StartsWith("/api/models/old/") ? new HubReply(307, [], ("Location", request.Path.Replace("/old/", "/o/"))) :
            request.Path.StartsWith("/old/n/") ? new HubReply(307, [], ("Location", request.Path.Replace("/old/", "/o/"))) : null;
        var model = await GetAsync(HubReference.Parse("hub:old/n@v1"), Options);
        Assert.EndsWith($"old/n/{HubServer.Commit}/n", model.Folder);
        _server.Instead = (request, _) => new HubReply(302, [], ("Location", request.Path));
        Assert.Contains("more than 10 redirects", (await Assert.ThrowsAsync<FedSpineException>(DownloadAsync)).Message);
    }

    [Theory]
    [InlineData(401, null, "no such repository or revision, or HF_TOKEN may not read it")]
    [InlineData(403, "GatedRepo", "the repository is gated: accept its terms")]
    [InlineData(403, null, "access is denied: HF_TOKEN may not read it")]
    [InlineData(404, null, "no such repository or revision")]
    [InlineData(404, "RevisionNotFound", "no such revision")]
    [InlineData(418, null, "127.0.0.1 answers 418")]
    public async Task Refusals_are_one_clear_line(int status, string? code, string expected)
    {
        _server.Instead = (_, _) => new HubReply(status, [], code is null ? [] : [("X-Error-Code", code)]);
        var error = await Assert.ThrowsAsync<InputException>(DownloadAsync);
        Assert.StartsWith("hub:o/n@main: ", error.Message);
        Assert.Contains(expected, error.Message);
        Assert.Single(_server.Requests); // not tried again
    }

    [Fact]
    public async Task Without_a_token_the_message_says_to_set_one()
    {
        _server.Instead = (_, _) => new HubReply(401, []);
        Assert.Contains("set HF_TOKEN", (await Assert.ThrowsAsync<InputException>(() => GetAsync(s_model, Options with { Token = null }))).Message);
        Assert.Null(_server.Requests[0]["authorization"]);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(429)]
    public async Task Busy_servers_are_asked_again(int status)
    {
        _server.Instead = (request, before) => request.Path.EndsWith("config.json") && before < 2 ? new HubReply(status, [], ("Retry-After", "0")) : null;
        await DownloadAsync();
        Assert.Contains(_notes, n => n.Contains($"127.0.0.1 answers {status}; trying again"));
        _server.Instead = (_, _) => new HubReply(status, []);
        var error = await Assert.ThrowsAsync<FedSpineException>(() => GetAsync(HubReference.Parse("hub:o/n@v1"), Options));
        Assert.Contains($"127.0.0.1 answers {status} (3 tries)", error.Message);
    }

    [Fact]
    public async Task Silence_is_given_up_and_tried_again()
    {
        _server.Instead = (request, before) => request.Path.EndsWith("/config.json") && before == 0 ? new HubReply(200, _server.Files["config.json"].Content[..1]) { SaidLength = _server.Files["config.json"].Content.Length, Hang = true } : null;
        await GetAsync(s_model, Options with { Stall = TimeSpan.FromMilliseconds(700), Attempts = 6 }, Keep);
        Assert.Contains(_notes, n => n.Contains("nothing came for"));
    }

    [Fact]
    public async Task Offline_only_the_cache_counts()
    {
        var offline = Options with { Offline = true };
        Assert.Contains("HF_HUB_OFFLINE forbids", (await Assert.ThrowsAsync<InputException>(() => GetAsync(s_model, offline))).Message);
        Assert.Empty(_server.Requests);
        var model = await DownloadAsync();
        int requests = _server.Requests.Count;
        Assert.Equal(model, await GetAsync(s_model, offline));
        Assert.Equal(requests, _server.Requests.Count);
        // A download that did not end does not count.
        File.Delete(Path.Combine(model.Folder, ".complete"));
        await Assert.ThrowsAsync<InputException>(() => GetAsync(s_model, offline));
    }

    [Fact]
    public async Task Without_a_network_the_copy_serves_and_says_so()
    {
        var model = await DownloadAsync();
        _server.Dispose();
        Assert.Equal(model, await DownloadAsync());
        Assert.Contains(_notes, n => n.Contains($"using the copy of commit {HubServer.Commit}"));
        var error = await Assert.ThrowsAsync<FedSpineException>(() => GetAsync(HubReference.Parse("hub:o/other"), Options));
        Assert.Contains("127.0.0.1 cannot be reached (Connection refused", error.Message);
    }

    [Fact]
    public async Task Shards_are_those_that_the_index_names()
    {
        _server.Files.Remove("model.safetensors");
        _server.Files["a-1.safetensors"] = ([1], true);
        _server.Files["a-2.safetensors"] = ([2, 3], true);
        _server.Files["a-3.safetensors"] = ([4], true);
        void Index(string text) => _server.Files["model.safetensors.index.json"] = (Encoding.UTF8.GetBytes(text), false);
        Index("""{ "weight_map": { "x": "a-2.safetensors", "y": "a-1.safetensors", "z": "a-2.safetensors" } }""");
        var model = await DownloadAsync();
        Assert.Equal(["a-1.safetensors", "a-2.safetensors", "config.json", "model.safetensors.index.json", "tokenizer_config.json"], Files(model));
        Directory.Delete(_folder["cache"], recursive: true);
        Index("""{ "weight_map": { "x": "../../escape.json" } }""");
        Assert.Contains("expected the name of a file beside the index", (await Assert.ThrowsAsync<InputException>(DownloadAsync)).Message);
        Directory.Delete(_folder["cache"], recursive: true);
        Index("""{ "weight_map": { "x": "a-9.safetensors" } }""");
        Assert.Contains("names a-9.safetensors, which the repository does not hold", (await Assert.ThrowsAsync<InputException>(DownloadAsync)).Message);
    }

    [Fact]
    public async Task Weights_that_are_pickled_are_not_downloaded()
    {
        _server.Files.Remove("model.safetensors");
        Assert.Contains("holds neither model.safetensors nor adapter_model.safetensors", (await Assert.ThrowsAsync<InputException>(DownloadAsync)).Message);
        Assert.DoesNotContain(_server.Requests, r => r.Path.Contains(".bin"));
    }

    [Theory]
    [InlineData("""{ "siblings": [] }""", "sha is missing")]
    [InlineData("""{ "sha": "../../x", "siblings": [] }""", "expected a commit")]
    [InlineData("""{ "sha": """, "not valid JSON")]
    [InlineData("""{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{ "rfilename": "config.json", "size": -1 }] }""", "siblings[0].size is -1")]
    public async Task A_list_that_makes_no_sense_is_refused(string json, string expected)
    {
        _server.Instead = (_, _) => new HubReply(200, Encoding.UTF8.GetBytes(json));
        Assert.Contains(expected, (await Assert.ThrowsAsync<InputException>(DownloadAsync)).Message);
    }

    [Fact]
    public async Task A_place_that_cannot_be_written_is_named()
    {
        File.WriteAllText(_folder["file"], "");
        var error = await Assert.ThrowsAsync<FedSpineException>(() => GetAsync(s_model, Options with { Cache = _folder["file"] }));
        Assert.StartsWith(_folder["file"], error.Message);
        Assert.Contains("cannot be written", error.Message);
    }

    [Theory]
    [InlineData("hub:o/n", "o", "n", "main")]
    [InlineData("hub:Qwen/Qwen2-0.5B@refs/pr/1", "Qwen", "Qwen2-0.5B", "refs/pr/1")]
    public void References_are_read(string text, string owner, string name, string revision) => Assert.Equal(new HubReference(owner, name, revision), HubReference.Parse(text));

    [Theory]
    [InlineData("hub:")]
    [InlineData("hub:n")]
    [InlineData("hub:o/n/x")]
    [InlineData("hub:../n")]
    [InlineData("hub:o/..")]
    [InlineData("hub:o/n@")]
    [InlineData("hub:o/n@../x")]
    [InlineData("hub:o/n@a b")]
    [InlineData("hub:o/n?x=1")]
    [InlineData("o/n")]
    public void Other_references_are_refused(string text) => Assert.Contains("expected hub:OWNER/NAME", Assert.Throws<InputException>(() => HubReference.Parse(text)).Message);

    private Task<HubFolder> DownloadAsync() => GetAsync(s_model, Options, Keep);

    private static Task<HubFolder> GetAsync(HubReference reference, HubOptions options, Action<HubProgress>? progress = null) =>
        HubModel.DownloadAsync(reference, options, progress, TestContext.Current.CancellationToken);

    private void Keep(HubProgress progress)
    {
        if (progress.Note is { } note)
            _notes.Add(note);
    }

    private static IEnumerable<string?> Files(HubFolder model) =>
        Directory.EnumerateFiles(model.Folder).Select(Path.GetFileName).Where(n => n != ".complete").Order(StringComparer.Ordinal);
}
