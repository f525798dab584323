"""The fixed words of a report's page in Korean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KOREAN: Mapping[str, str] = MappingProxyType(
    {
        # The head of the page and its verdict
        "trainwise report": "trainwise 보고서",
        "Training report": "학습 보고서",
        "Training reports": "학습 보고서",
        "%(low)s to %(high)s": "%(low)s ~ %(high)s",
        "%(metric)s of the %(name)s": "%(name)s의 %(metric)s",
        "on %(rows)s test rows": "(테스트 행 %(rows)s개)",
        "The test rows were not evaluated.": "테스트 행으로 평가하지 않았습니다.",
        "Best trial:": "가장 좋은 시도:",
        "Healthy.": "건강함.",
        "its curves give no warning.": "곡선에 경고가 없습니다.",
        "No warnings: this run looks healthy.": "경고 없음: 이 학습은 건강해 보입니다.",
        "1 error": "오류 1개",
        "{count} errors": "오류 {count}개",
        "1 warning": "경고 1개",
        "{count} warnings": "경고 {count}개",
        "Trained {parts}.": "학습: {parts}.",
        "1 model": "모델 1개",
        "{count} models": "모델 {count}개",
        "1 architecture in a search": "탐색한 구조 1개",
        "{count} architectures in a search": "탐색한 구조 {count}개",
        "({architecture})": "· {architecture}",
        "for a {task} task": "· {task} 과제",
        "on {name}": "· 데이터 {name}",
        "with {rows} training rows": "· 훈련 행 {rows}개",
        "yes": "예",
        "no": "아니오",
        # Results
        "The vote beside its best member": "투표와 가장 좋은 구성원",
        "On the test rows": "테스트 행에서",
        "Dot: the result. Line: %(interval)s. Diamond: what is exported, chosen on validation rows.": (
            "점: 결과. 선: %(interval)s. 마름모: 내보낸 것이며 검증 행으로 골랐습니다."
        ),
        "Result": "결과",
        "Interval": "구간",
        "interval": "구간",
        "its interval": "구간",
        "value": "값",
        "result": "결과",
        "score": "점수",
        "exported": "내보냄",
        "unnamed": "이름 없음",
        "each member alone": "구성원 하나씩",
        "each member alone: {low} to {high}": "구성원 하나씩: {low} ~ {high}",
        "The vote fixes %(fixes)s answers that the best member gets wrong on test rows, and breaks %(breaks)s that it "
        "gets right.": (
            "투표는 가장 좋은 구성원이 틀린 테스트 행 %(fixes)s개를 바로잡고, 맞힌 행 %(breaks)s개를 틀리게 바꿉니다."
        ),
        "95 % Wilson interval": "95 % 윌슨 구간",
        "95 % bootstrap interval": "95 % 부트스트랩 구간",
        "accuracy": "정확도",
        "balanced accuracy": "균형 정확도",
        "decision threshold": "판정 임계값",
        "label accuracy": "레이블 정확도",
        "f1": "F1",
        "roc auc": "ROC AUC",
        "pr auc": "PR AUC",
        "higher is better": "높을수록 좋음",
        "lower is better": "낮을수록 좋음",
        "{metric} of each result with its interval: {told}": "각 결과의 {metric}와 구간: {told}",
        # Findings
        "Findings": "진단",
        "Error": "오류",
        "Warning": "경고",
        "Info": "참고",
        "The best trial's curves give no warning.": "가장 좋은 시도의 곡선에 경고가 없습니다.",
        "What follows is worth knowing.": "아래는 알아 둘 만한 것입니다.",
        "Likely causes:": "유력한 원인:",
        "Likely cause:": "유력한 원인:",
        "Try:": "해 볼 것:",
        ", or ": " 또는 ",
        "The cure as code": "처방 코드",
        "Why:": "이유:",
        "before training": "학습 전",
        "step": "단계",
        "layer": "층",
        "epoch %(epoch)s": "%(epoch)s번째 에포크",
        "epoch {epoch}": "{epoch}번째 에포크",
        # The evidence of findings
        "best loss": "가장 낮은 손실",
        "loss now": "현재 손실",
        "best val loss": "가장 낮은 검증 손실",
        "fallen in last third": "마지막 3분의 1에서 줄어든 양",
        "start": "시작",
        "rise share": "오른 비율",
        "ratio": "비율",
        "penalty share": "벌점의 비율",
        "half ratio": "절반의 비율",
        "gradient ratio": "기울기 비율",
        "drop": "감소",
        "dead share": "죽은 유닛의 비율",
        "columns": "열",
        "values": "값",
        "val loss": "검증 손실",
        "update ratio": "갱신 비율",
        "tried updates": "시험한 갱신",
        "tried loss": "시험한 손실",
        "spread ratio": "산포 비율",
        "signal to noise": "신호 대 잡음",
        "share": "비율",
        "saturated share": "포화된 비율",
        "row": "행",
        "repeated in train": "훈련에도 있는 행",
        "present rate": "현재 학습률",
        "present loss": "현재 손실",
        "noise": "잡음",
        "low": "최소",
        "high": "최대",
        "limit": "한계",
        "left": "남은 양",
        "largest weight": "가장 큰 가중치",
        "largest rise": "가장 큰 증가",
        "largest": "가장 큰 값",
        "growth": "증가율",
        "updates": "갱신",
        "constant loss": "상수의 손실",
        "column": "열",
        "update": "갱신",
        "The numbers are those of %(name)s.": "숫자는 %(name)s의 것입니다.",
        # Classes and mistakes
        "Label by label": "레이블별 결과",
        "Label": "레이블",
        "Of the exported model on the test rows, each label from a probability of 0.5 on: %(scores)s.": (
            "내보낸 모델의 테스트 행 결과이며, 레이블마다 확률 0.5부터 있다고 봅니다: %(scores)s."
        ),
        "The %(count)s labels with the lowest F1; %(more)s more are in report.json.": (
            "F1이 가장 낮은 레이블 %(count)s개이며, 나머지 %(more)s개는 report.json에 있습니다."
        ),
        "micro f1": "마이크로 F1",
        "macro f1": "매크로 F1",
        "Class by class": "클래스별 결과",
        "Of the exported model on the test rows: %(scores)s. Balanced accuracy is the mean recall, which no "
        "large class "
        "can carry.": (
            "내보낸 모델의 테스트 행 결과: %(scores)s. 균형 정확도는 재현율의 평균이므로 큰 클래스 하나가 "
            "좌우하지 못합니다."
        ),
        "Class": "클래스",
        "Rows": "행",
        "Precision": "정밀도",
        "Recall": "재현율",
        "The %(count)s classes with the lowest F1; %(more)s more are in report.json.": (
            "F1이 가장 낮은 클래스 %(count)s개이며, 나머지 %(more)s개는 report.json에 있습니다."
        ),
        "Confusion of the classes": "클래스 혼동 행렬",
        "Rows by true class (down) and answer (across)": "정답 클래스(세로)와 답(가로)별 행 수",
        "Most confident errors": "확신도가 가장 높은 오답",
        "Test rows that the exported model answers wrong, the most confident first: often a row that is labelled "
        "wrong, or a kind "
        "of row that is rare.": (
            "내보낸 모델이 틀린 테스트 행을 확신이 큰 순서로 보입니다. 레이블이 잘못되었거나 드문 행인 경우가 많습니다."
        ),
        "<strong>%(answer)s</strong> at %(share)s, and it is <strong>%(true)s</strong>": (
            "답 <strong>%(answer)s</strong> (%(share)s), 정답 <strong>%(true)s</strong>"
        ),
        "label {number}": "레이블 {number}",
        "test row %(row)s": "테스트 행 %(row)s",
        "and %(count)s more columns": "그 밖의 열 %(count)s개",
        # Calibration and thresholds
        "Calibration": "보정(calibration)",
        "Calibration, ROC and precision-recall": "보정(calibration), ROC와 정밀도-재현율",
        "Right answers at each confidence, on the test rows; the temperature was fitted on validation rows. On "
        "the dotted "
        "line it is perfectly calibrated: of answers with a confidence of 0.8 eight in ten are right.": (
            "테스트 행에서 확신도별로 맞힌 비율. 온도는 검증 행에 맞췄습니다. 점선 위에서는 보정이 완벽합니다. "
            "확신도가 0.8인 답은 열에 여덟이 맞습니다."
        ),
        "ROC: what is found of the second class against what is wrongly taken for it.": (
            "ROC: 둘째 클래스를 찾아낸 비율과 잘못 그렇다고 한 비율."
        ),
        "Precision against recall of the second class.": "둘째 클래스의 재현율에 대한 정밀도.",
        "The validation rows are too few, or answered too well, to fit a temperature. On the test rows the calibration "
        "error is {ece}, the NLL {nll}.": (
            "검증 행이 너무 적거나 너무 잘 맞아 온도를 맞출 수 없습니다. 테스트 행의 보정 오차는 {ece}, NLL은 "
            "{nll}입니다."
        ),
        "No temperature improves the NLL of the validation rows. On the test rows the calibration error is {ece}, "
        "the NLL {nll}.": ("검증 행의 NLL을 줄이는 온도는 없습니다. 테스트 행의 보정 오차는 {ece}, NLL은 {nll}입니다."),
        "Temperature {temperature}, fitted on validation rows, takes the calibration error of the test rows "
        "from {ece} to "
        "{ece_at_temperature} and their NLL from {nll} to {nll_at_temperature}. The exported model answers without it; "
        "tw.calibrate puts it in.": (
            "검증 행에 맞춘 온도 {temperature}에서 테스트 행의 보정 오차는 {ece}에서 {ece_at_temperature}(으)로, NLL은 "
            "{nll}에서 {nll_at_temperature}(으)로 바뀝니다. 내보낸 모델은 온도 없이 답하며, tw.calibrate로 "
            "넣을 수 있습니다."
        ),
        "as exported": "내보낸 그대로",
        "perfectly calibrated": "완벽한 보정",
        "at temperature {value}": "온도 {value}에서",
        "confidence": "확신도",
        "share that is right": "맞힌 비율",
        "Share of right answers at each confidence": "확신도별로 맞힌 비율",
        "false positive rate": "거짓 양성 비율",
        "true positive rate": "참 양성 비율",
        "recall": "재현율",
        "precision": "정밀도",
        # Quantities
        "Prediction errors": "예측 오차",
        "Half of the test rows are off by at most {median}, the worst by {largest}; predicted less true is {mean} on "
        "average.": (
            "테스트 행의 절반은 {median} 이하로, 가장 나쁜 행은 {largest}만큼 벗어납니다. 예측에서 정답을 뺀 "
            "값의 평균은 "
            "{mean}입니다."
        ),
        "Predicted against true, a dot a test row. On the dotted line both are the same.": (
            "정답에 대한 예측이며 점 하나가 테스트 행 하나입니다. 점선 위에서는 둘이 같습니다."
        ),
        "Residuals: how many test rows are off by how much.": "잔차: 얼마나 벗어난 테스트 행이 몇 개인지.",
        "Intervals around the answer, as wide as the errors on validation rows ask for, and the share of test "
        "rows that "
        "they cover.": "검증 행의 오차에 맞춘 너비로 답을 둘러싼 구간과, 그 안에 드는 테스트 행의 비율.",
        "Median width": "너비의 중앙값",
        "Covers": "포함 비율",
        "Largest errors": "오차가 가장 큰 행",
        "<strong>%(predicted)s</strong> predicted, and it is <strong>%(true)s</strong>": (
            "예측 <strong>%(predicted)s</strong>, 정답 <strong>%(true)s</strong>"
        ),
        "true": "정답",
        "predicted": "예측",
        "predicted less true": "예측 - 정답",
        "rows": "행",
        "Residuals from {low} to {high}": "잔차 {low} ~ {high}",
        "{count} rows, predicted from {low} to {high}, true from {least} to {most}": (
            "행 {count}개, 예측 {low} ~ {high}, 정답 {least} ~ {most}"
        ),
        # Members
        "Curves of the best trial, at its best rate": "가장 좋은 시도의 곡선 (가장 좋은 학습률에서)",
        "Curves of each member": "구성원별 곡선",
        "The training loss of an epoch is a mean over a model that still moves, so it is drawn half an epoch "
        "earlier than "
        "the validation loss. A number marks a finding, told above.": (
            "한 에포크의 훈련 손실은 움직이는 모델의 평균이므로 검증 손실보다 반 에포크 앞에 그립니다. 번호는 "
            "위에 적은 진단을 "
            "가리킵니다."
        ),
        "No curve with finite values was recorded.": "유한한 값의 곡선이 기록되지 않았습니다.",
        "Updates and gradients of each layer as shares of its weights. About 1e-3 is usual for updates; a dark "
        "layer hardly learns, a bright one is unstable.": (
            "가중치에 대한 층별 갱신과 기울기의 비율. 갱신은 1e-3 정도가 보통이며, 어두운 층은 거의 학습하지 않고 밝은 "
            "층은 불안정합니다."
        ),
        "update / weights": "갱신 / 가중치",
        "gradient / weights": "기울기 / 가중치",
        "last look": "마지막",
        "seed": "시드",
        "parameters": "파라미터 수",
        "best epoch": "가장 좋은 에포크",
        "best epoch {epoch}": "가장 좋은 에포크 {epoch}",
        "epochs": "에포크",
        "epoch": "에포크",
        "validation loss": "검증 손실",
        "validation accuracy": "검증 정확도",
        "validation mae": "검증 MAE",
        "weight in the vote": "투표에서의 가중치",
        "{epochs}, of which {kept} are drawn and kept": "{epochs}개 가운데 {kept}개를 그리고 보관",
        "training": "훈련",
        "validation": "검증",
        "loss": "손실",
        "rate": "학습률",
        "momentum": "모멘텀",
        "batch size": "배치 크기",
        "weight decay": "가중치 감쇠",
        "{name}, log scale": "{name} (로그)",
        "a member": "구성원",
        "Curves of {name} over {epochs} epochs": "{name}의 {epochs} 에포크 곡선",
        "{label} {key} from {first} to {last}": "{label} {key} {first} → {last}",
        # The search
        "The search": "탐색",
        "1 trial": "시도 1개",
        "{count} trials": "시도 {count}개",
        "{trials}, ranked by {objective} at the best epoch of each; the best of many such scores is a little too good, "
        "only test rows are fair.": (
            "{trials}, 각각 가장 좋은 에포크의 {objective} 순서. 많은 점수 가운데 가장 좋은 것은 조금 지나치게 "
            "좋으므로 "
            "테스트 행만이 공정합니다."
        ),
        "Stopping spared {saved} % of the epochs.": "중단 규칙이 에포크의 {saved} %를 아꼈습니다.",
        "Scores after one epoch rank as the final ones with correlation {value}.": (
            "한 에포크 뒤의 점수 순서와 마지막 순서의 상관은 {value}입니다."
        ),
        "One epoch for all and then the best three would have spared {saved} % and missed the best score by "
        "{regret}, as "
        "far as these curves go.": (
            "모두 한 에포크 뒤 가장 좋은 셋만 학습했다면 이 곡선들로 보아 {saved} %를 아끼고 최고 점수에 {regret} 못 "
            "미쳤을 것입니다."
        ),
        "%(objective)s after each epoch, at the rate that is best by then; the other trials are thin. A line "
        "ends where "
        "the trial was stopped.": (
            "에포크마다 그때까지 가장 좋은 학습률에서의 %(objective)s. 다른 시도는 가는 선이며, 중단된 곳에서 끝납니다."
        ),
        "How the trials ended": "시도가 끝난 방식",
        "completed": "완료",
        "stopped": "중단됨",
        "failed": "실패",
        "unfinished": "미완료",
        "epochs trained": "학습한 에포크",
        "epochs saved": "아낀 에포크",
        "What counted": "중요했던 것",
        "Share of the spread of the scores that each hyperparameter alone explains.": (
            "하이퍼파라미터 하나가 설명하는 점수 산포의 비율."
        ),
        "Which hyperparameters counted is told from ten completed trials on.": (
            "어떤 하이퍼파라미터가 중요했는지는 완료된 시도 열 개부터 알립니다."
        ),
        "What was trained": "학습한 것",
        "training rows": "훈련 행",
        "folds": "폴드",
        "models of a trial": "시도당 모델",
        "learning rates": "학습률",
        "epochs of a whole training": "전체 학습의 에포크",
        "seconds of all trials": "모든 시도의 초",
        "Run on %(device)s.": "%(device)s에서 실행.",
        "Each setting against the score, a dot a trial.": "설정별 점수이며 점 하나가 시도 하나입니다.",
        "Table of the trials": "시도 표",
        "The best %(shown)s; %(more)s more stand in report.json.": (
            "가장 좋은 %(shown)s개이며, 나머지 %(more)s개는 report.json에 있습니다."
        ),
        "All trials, the best first.": "모든 시도, 좋은 순서.",
        "trial": "시도",
        "spread": "산포",
        "architecture": "구조",
        "learning rate": "학습률",
        "seconds": "초",
        "findings": "진단",
        "status": "상태",
        "{objective} of {count} trials against {settings}": "{settings}에 대한 시도 {count}개의 {objective}",
        "{some} of {count} trials": "시도 {count}개 가운데 {some}개",
        "{trials} over {settings} to {objective}; {ended}; the best, trial {best}: {values}": (
            "{settings}을(를) 지나 {objective}에 이르는 {trials}; {ended}; 가장 좋은 시도 {best}: {values}"
        ),
        "Each trial is a line over its settings to its score, at the bottom; the best is bold, with its values at the "
        "right. A dash stands where a setting was not asked for, or where there is no score.": (
            "시도마다 선 하나가 설정들을 지나 맨 아래의 점수에 이릅니다. 가장 좋은 시도는 굵은 선이고 값은 오른쪽에 "
            "있습니다. 설정을 묻지 않았거나 점수가 없으면 줄표에 놓입니다."
        ),
        "{objective} after each epoch of {trials}, {told}": "{trials}의 에포크별 {objective}, {told}",
        "the best, trial {best}, reached {value} at epoch {epoch}": (
            "가장 좋은 시도 {best}은(는) {epoch}번째 에포크에 {value}"
        ),
        "trial {trial}, the best": "가장 좋은 시도 {trial}",
        # Inputs
        "The inputs": "입력",
        "Permutation importance: what is lost of the %(metric)s on validation rows where a column is shuffled; "
        "the thin line is the spread over three shuffles. Of columns that say the same, none may seem important.": (
            "순열 중요도: 열 하나를 섞을 때 검증 행에서 잃는 %(metric)s. 가는 선은 세 번 섞은 산포입니다. 같은 것을 "
            "말하는 열이 여럿이면 "
            "어느 것도 중요해 보이지 않을 수 있습니다."
        ),
        "{some} of {count} columns, drawn by the seed, were shuffled: the others may be as important.": (
            "열 {count}개 가운데 시드로 뽑은 {some}개를 섞었습니다. 나머지도 그만큼 중요할 수 있습니다."
        ),
        "Table of the columns": "열 표",
        "Column": "열",
        "Type": "종류",
        "Missing": "결측",
        "Range or commonest": "범위 또는 가장 흔한 값",
        "Importance": "중요도",
        "left out": "뺌",
        "number": "수",
        "category": "범주",
        "ordered": "순서 범주",
        "boolean": "예/아니오",
        "date": "날짜",
        "text": "글",
        "identifier": "식별자",
        "constant": "상수",
        "empty": "빔",
        "{low} to {high}": "{low} ~ {high}",
        "{word} ({share}), {different} different": "{word} ({share}), 서로 다른 값 {different}개",
        "score lost": "잃은 점수",
        "Score lost where a column is shuffled": "열을 섞을 때 잃은 점수",
        # Beside
        "Beside simple models": "단순한 모델과 나란히",
        "Simple model": "단순한 모델",
        "Seconds": "초",
        # Data
        "Data": "데이터",
        "name": "이름",
        "inputs": "입력",
        "train rows": "훈련 행",
        "validation rows": "검증 행",
        "test rows": "테스트 행",
        "classes": "클래스",
        "fingerprint": "지문",
        "Openings of the test split": "테스트 분할을 연 기록",
        "Opened %(count)s times:": "%(count)s번 열었습니다.",
        "each opening after the first makes the test result less of a surprise, and so less of a proof.": (
            "처음 이후로 열 때마다 테스트 결과는 덜 새롭고, 그만큼 덜 증명합니다."
        ),
        "The test split was never opened.": "테스트 분할을 연 적이 없습니다.",
        "Columns": "열",
        "Notes": "메모",
        # Export
        "The exported model": "내보낸 모델",
        "Saved in <code>%(path)s</code>.": "<code>%(path)s</code>에 저장했습니다.",
        "Largest difference from the trained model: {difference}": "학습한 모델과의 가장 큰 차이: {difference}",
        "Largest difference from the trained model over {rows} rows: {difference}": (
            "행 {rows}개에서 학습한 모델과의 가장 큰 차이: {difference}"
        ),
        "within the tolerance of {tolerance}": "허용 오차 {tolerance} 이내",
        "over the tolerance of {tolerance}": "허용 오차 {tolerance} 초과",
        "Proof and signatures": "증명과 시그니처",
        "Proof": "증명",
        "Signatures": "시그니처",
        "Direction": "방향",
        "Name": "이름",
        "Type and shape": "종류와 모양",
        "input": "입력",
        "output": "출력",
        # Settings
        "Settings": "설정",
        "Training": "학습",
        "Model head": "모델의 끝",
        "Versions": "버전",
        "Seconds per step": "단계별 초",
        "members": "구성원",
        "patience": "인내",
        "augmentation": "증강",
        "class weights": "클래스 가중치",
        "refit": "다시 학습",
        "optimizer": "옵티마이저",
        "stopper": "중단 규칙",
        "members of a trial": "시도당 구성원",
        "task": "과제",
        "units": "유닛",
        "activation": "활성화",
        "metrics": "지표",
        "multiclass": "다중 클래스",
        "binary": "이진",
        "multilabel": "다중 레이블",
        "regression": "회귀",
        "load": "읽기",
        "encode": "부호화",
        "check": "점검",
        "train": "학습",
        "vote": "투표",
        "beside": "단순한 모델",
        "test": "테스트",
        "export": "내보내기",
        "How to repeat this run": "이 학습을 다시 하는 방법",
        "Seed %(seed)s.": "시드 %(seed)s.",
        "The same seed and versions give the same result on one machine.": (
            "시드와 버전이 같으면 한 컴퓨터에서 결과도 같습니다."
        ),
        # Side by side
        "%(count)s runs side by side": "나란히 본 학습 %(count)s개",
        "1 run side by side": "학습 1개",
        "The runs": "학습들",
        "Scores are those of what each run exported, on its test rows, with their interval.": (
            "점수는 각 학습이 내보낸 모델의 테스트 행 점수와 그 구간입니다."
        ),
        "run": "학습",
        "data": "데이터",
    }
)
